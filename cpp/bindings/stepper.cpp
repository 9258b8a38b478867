#include "bindings/stepper.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>

#include "dispatch/dispatch.hpp"
#include "runtime/float_environment.hpp"

namespace schuss {
namespace {

// Work worth letting other Python threads run meanwhile: about 20 microseconds.
constexpr std::int64_t kReleaseGil = 65536;

std::int64_t size_of(DType dtype) { return dtype == kFloat32 ? 4 : 8; }

int find_rule(const std::string& name) {
    for (int k = 0; k < kernels().n_rules; ++k)
        if (name == kernels().rules[k].name) return k;
    throw py::value_error("rule is '" + name + "', which is not in the registry");
}

// The k-th of the words in a list separated by single spaces.
std::string word(const char* list, int k) {
    for (; k > 0; --k) list = std::strchr(list, ' ') + 1;
    return std::string(list, std::strcspn(list, " "));
}

bool has_word(const char* list, const std::string& wanted) {
    return (" " + std::string(list) + " ").find(" " + wanted + " ") != std::string::npos;
}

class Busy {
  public:
    explicit Busy(std::atomic<bool>& flag) : flag_(flag) {
        if (flag.exchange(true))
            throw std::runtime_error("this optimizer is stepping in another thread");
    }
    ~Busy() { flag_ = false; }

  private:
    std::atomic<bool>& flag_;
};

// Keeps arrays alive while the GIL is released, whatever their containers meet with.
class Held {
  public:
    explicit Held(const std::vector<PyObject*>& arrays) : arrays_(arrays) {
        for (PyObject* o : arrays_) Py_INCREF(o);
    }
    ~Held() {
        for (PyObject* o : arrays_) Py_DECREF(o);
    }

  private:
    const std::vector<PyObject*> arrays_;
};

}  // namespace

Stepper::Stepper(const std::string& rule, py::handle params, const py::dict& fills)
    : rule_(find_rule(rule)), structure_(params, "params"), fills_(fills) {
    structure_.collect(params, "params", params_);
    for (std::size_t k = 0; k < params_.size(); ++k) {
        Leaf leaf;
        leaf.dtype = check_param(params_[k], label("params", paths()[k]));
        leaf.shape = shape_of(params_[k]);
        leaf.axes = memory_order(params_[k]);
        leaf.count = 1;
        for (const std::int64_t n : leaf.shape) leaf.count *= n;
        leaves_.push_back(std::move(leaf));
    }
    assign_groups(std::vector<int>(leaves_.size()), 1);
}

const Rule& Stepper::rule() const { return kernels().rules[rule_]; }

std::string Stepper::slot_name(int slot) const { return word(rule().slots, slot); }

void Stepper::assign_groups(const std::vector<int>& group_of, int groups) {
    for (std::size_t k = 0; k < leaves_.size(); ++k) leaves_[k].group = group_of.at(k);
    carry.assign(static_cast<std::size_t>(groups),
                 std::vector<double>(rule().carry, rule().carry + rule().n_carry));
    planned_ = false;
}

void Stepper::allocate() {
    if (states_) return;
    std::vector<std::int64_t> bytes;
    for (const Leaf& leaf : leaves_) bytes.push_back(leaf.count * size_of(leaf.dtype));
    states_ = std::make_unique<States>(bytes, rule().n_slots);
    for (int s = 0; s < rule().n_slots; ++s) {
        if (!fills_.contains(slot_name(s).c_str())) continue;
        const auto fill = py::cast<double>(fills_[slot_name(s).c_str()]);
        for (std::size_t k = 0; k < leaves_.size(); ++k) {
            char* first = states_->slot(k, s);
            if (leaves_[k].dtype == kFloat32)
                std::fill_n(reinterpret_cast<float*>(first), leaves_[k].count,
                            static_cast<float>(fill));
            else
                std::fill_n(reinterpret_cast<double*>(first), leaves_[k].count, fill);
        }
    }
}

bool Stepper::overlaps_params(const Extent& e) const {
    const auto after =
        std::lower_bound(extents_.begin(), extents_.end(), e.high,
                         [](const Extent& x, const char* high) { return x.low < high; });
    return after != extents_.begin() &&
           reached_[static_cast<std::size_t>(after - extents_.begin()) - 1] > e.low;
}

// The common case: the arrays of the last step, or new gradients of the same layout.
bool Stepper::plan_holds() {
    if (!planned_) return false;
    for (std::size_t k = 0; k < leaves_.size(); ++k) {
        Leaf& leaf = leaves_[k];
        if (!leaf.param.matches(params_[k]) || leaf.param.data != fields(params_[k])->data ||
            !leaf.grad.matches(grads_[k]))
            return false;
        char* data = fields(grads_[k])->data;
        if (leaf.grad.data == data) continue;
        const Extent e = extent(grads_[k]);
        if (overlaps_params(e) || states_->overlaps(e.low, e.high)) return false;
        leaf.grad.data = data;
        plan_.tensors[k].grad.view.data = data;
        plan_.tensors[k].ordered_grad.view.data = data;
    }
    return true;
}

void Stepper::make_plan() {
    planned_ = false;
    Plan plan;
    plan.offsets.push_back(0);
    struct Owned {
        Extent extent;
        std::size_t leaf;
    };
    std::vector<Owned> owned;
    for (std::size_t k = 0; k < leaves_.size(); ++k) {
        const Leaf& leaf = leaves_[k];
        const std::string p = label("params", paths()[k]), g = label("grads", paths()[k]);
        if (check_param(params_[k], p) != leaf.dtype)
            throw py::value_error(p + " changed its dtype since the first step");
        if (shape_of(params_[k]) != leaf.shape)
            throw py::value_error(p + " has shape " + text_of(shape_of(params_[k])) +
                                  "; that of the first step, " + text_of(leaf.shape) +
                                  ", is wanted");
        const Element type = check_grad(grads_[k], g);
        if (shape_of(grads_[k]) != leaf.shape)
            throw py::value_error(g + " has shape " + text_of(shape_of(grads_[k])) +
                                  "; the parameter's, " + text_of(leaf.shape) + ", is wanted");
        Tensor tensor;
        tensor.dtype = leaf.dtype;
        tensor.count = leaf.count;
        tensor.group = leaf.group;
        tensor.param =
            operand(params_[k], leaf.dtype == kFloat32 ? Element::kFloat32 : Element::kFloat64,
                    leaf.axes, leaf.dtype);
        tensor.grad = operand(grads_[k], type, leaf.axes, leaf.dtype);
        tensor.ordered_grad = operand(grads_[k], type, c_order(grads_[k]), leaf.dtype);
        plan.tensors.push_back(std::move(tensor));
        plan.offsets.push_back(plan.offsets.back() + leaf.count);
        const Extent e = extent(params_[k]);
        if (e.low < e.high) owned.push_back({e, k});
    }
    std::sort(owned.begin(), owned.end(),
              [](const Owned& a, const Owned& b) { return a.extent.low < b.extent.low; });
    extents_.clear();
    reached_.clear();
    for (std::size_t k = 0; k < owned.size(); ++k) {
        for (std::size_t j = k; j-- > 0 && reached_[j] > owned[k].extent.low;)
            if (owned[j].extent.high > owned[k].extent.low &&
                share_memory(params_[owned[j].leaf], params_[owned[k].leaf]))
                throw py::value_error(label("params", paths()[owned[j].leaf]) + " and " +
                                      label("params", paths()[owned[k].leaf]) +
                                      " share memory; every parameter must have its own");
        extents_.push_back(owned[k].extent);
        reached_.push_back(k ? std::max(reached_[k - 1], owned[k].extent.high)
                             : owned[k].extent.high);
    }
    for (std::size_t k = 0; k < leaves_.size(); ++k) {
        const Extent e = extent(grads_[k]);
        if (e.low == e.high) continue;
        if (overlaps_params(e))
            for (const Owned& param : owned)
                if (param.extent.low < e.high && e.low < param.extent.high &&
                    share_memory(params_[param.leaf], grads_[k]))
                    throw py::value_error(label("grads", paths()[k]) + " shares memory with " +
                                          label("params", paths()[param.leaf]) +
                                          "; gradients must be arrays of their own");
        if (states_ && states_->overlaps(e.low, e.high))
            throw py::value_error(label("grads", paths()[k]) +
                                  " shares memory with the optimizer's state; gradients must be "
                                  "arrays of their own");
    }
    allocate();
    for (std::size_t k = 0; k < leaves_.size(); ++k) {
        for (int s = 0; s < rule().n_slots; ++s) plan.tensors[k].slots[s] = states_->slot(k, s);
        leaves_[k].param = Seen(params_[k], true);
        leaves_[k].grad = Seen(grads_[k], false);
    }
    plan_ = std::move(plan);
    planned_ = true;
}

std::vector<Group> Stepper::groups_for_step(std::vector<std::vector<double>>& next_carry) const {
    const FloatEnvironment pinned;
    const bool coupled = !has_word(rule().hyper, "weight_decay");
    std::vector<Group> groups(hyper_.size());
    for (std::size_t k = 0; k < groups.size(); ++k) {
        rule().coefficients(hyper_[k].data(), step_count + 1, next_carry[k].data(),
                            groups[k].coefficients);
        groups[k].preparation = {(options_.maximize ? -1.0 : 1.0) / options_.grad_scale,
                                 options_.max_value, coupled ? hyper_[k].back() : 0.0};
    }
    return groups;
}

// The norm and the finite check, where asked for. False: this step is to be skipped.
bool Stepper::read_gradients(std::vector<Group>& groups, int threads) {
    const bool check = options_.nonfinite != Nonfinite::kPropagate;
    if (!check && std::isinf(options_.max_norm)) return true;
    double norm = gradient_norm(plan_, threads);
    report->nonfinite = 0;
    std::size_t first = 0;
    if (!std::isfinite(norm))
        for (std::size_t k = plan_.tensors.size(); k-- > 0;) {
            const std::int64_t found = count_nonfinite(plan_.tensors[k]);
            *report->nonfinite += found;
            if (found) first = k;
        }
    report->grad_norm = norm / std::abs(options_.grad_scale);
    if (check && *report->nonfinite > 0) {
        if (options_.nonfinite == Nonfinite::kSkip) return false;
        PyErr_SetString(PyExc_FloatingPointError,
                        (std::to_string(*report->nonfinite) +
                         " gradient elements are not finite, the first in " +
                         label("grads", paths()[first]) + "; nothing was written")
                            .c_str());
        throw py::error_already_set();
    }
    const double factor = options_.max_norm / (*report->grad_norm + 1e-6);
    if (!(factor >= 1.0)) {
        report->clip_factor = factor;
        for (Group& group : groups) group.preparation.scale *= factor;
    }
    return true;
}

void Stepper::step(py::handle params, py::handle grads) {
    const Busy busy(stepping_);
    structure_.collect(params, "params", params_);
    structure_.collect(grads, "grads", grads_);
    if (!plan_holds()) make_plan();
    std::vector<std::vector<double>> next_carry = carry;
    std::vector<Group> groups = groups_for_step(next_carry);
    report.emplace();
    report->step = step_count;
    report->learning_rate = hyper_[0][0];
    bool taken = false;
    const auto run = [&] {
        using Clock = std::chrono::steady_clock;
        const int useful = useful_threads(plan_);
        const int threads = pace_.parallel() ? useful : 1;
        const Clock::time_point start = Clock::now();
        taken = read_gradients(groups, threads);
        if (taken) update(rule(), plan_, groups, threads);
        if (useful > 1) pace_.record(std::chrono::duration<double>(Clock::now() - start).count());
    };
    if (plan_.total() >= kReleaseGil) {
        const Held held_params(params_), held_grads(grads_);
        const py::gil_scoped_release released;
        run();
    } else {
        run();
    }
    report->skipped = !taken;
    if (!taken) return;
    report->step = ++step_count;
    carry = std::move(next_carry);
}

py::tuple Stepper::layout(std::size_t leaf) const {
    const Leaf& l = leaves_.at(leaf);
    return py::make_tuple(py::tuple(py::cast(l.shape)), l.dtype == kFloat32 ? "float32" : "float64",
                          py::tuple(py::cast(l.axes)));
}

py::dict Stepper::slots(const std::shared_ptr<Stepper>& self, std::size_t leaf) {
    self->allocate();
    const Leaf& l = self->leaves_.at(leaf);
    std::vector<py::ssize_t> strides(l.shape.size());
    py::ssize_t stride = size_of(l.dtype);
    for (auto a = l.axes.rbegin(); a != l.axes.rend(); ++a) {
        const auto axis = static_cast<std::size_t>(*a);
        strides[axis] = stride;
        stride *= l.shape[axis];
    }
    const py::dtype dtype = l.dtype == kFloat32 ? py::dtype::of<float>() : py::dtype::of<double>();
    const std::vector<py::ssize_t> shape(l.shape.begin(), l.shape.end());
    py::dict result;
    for (int s = 0; s < self->rule().n_slots; ++s)
        result[self->slot_name(s).c_str()] =
            py::array(dtype, shape, strides, self->states_->slot(leaf, s), py::cast(self));
    return result;
}

}  // namespace schuss

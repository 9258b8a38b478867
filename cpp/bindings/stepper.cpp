#include "bindings/stepper.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>

#include "bindings/busy.hpp"
#include "dispatch/dispatch.hpp"
#include "runtime/float_environment.hpp"

namespace schuss {
namespace {

constexpr char kWhat[] = "optimizer";

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

// Lets go of the arrays of a step at its end, however it ends.
class Release {
  public:
    Release(std::vector<py::object>& params, std::vector<py::object>& grads)
        : params_(params), grads_(grads) {}
    ~Release() {
        params_.clear();
        grads_.clear();
    }

  private:
    std::vector<py::object>&params_, &grads_;
};

}  // namespace

Stepper::Stepper(const std::string& rule, py::handle params, const py::dict& fills)
    : rule_(find_rule(rule)),
      coupled_decay_(!has_word(this->rule().hyper, "weight_decay")),
      structure_(params, "params", "the params of the first step"),
      fills_(fills) {
    std::vector<py::object> arrays;
    structure_.collect(params, "params", arrays);
    for (std::size_t k = 0; k < arrays.size(); ++k) {
        PyObject* array = arrays[k].ptr();
        Leaf leaf;
        leaf.dtype = check_param(array, label("params", paths()[k]));
        leaf.shape = shape_of(array);
        leaf.axes = memory_order(array);
        leaf.count = 1;
        for (const std::int64_t n : leaf.shape) leaf.count *= n;
        leaves_.push_back(std::move(leaf));
    }
    assign_groups(std::vector<int>(leaves_.size()), {false});
}

const Rule& Stepper::rule() const { return kernels().rules[rule_]; }

std::string Stepper::slot_name(int slot) const { return word(rule().slots, slot); }

void Stepper::set_hyper(const std::vector<std::vector<double>>& hyper) {
    const Busy busy(stepping_, kWhat);
    hyper_ = hyper;
}

void Stepper::set_options(const Options& options) {
    const Busy busy(stepping_, kWhat);
    options_ = options;
}

void Stepper::assign_groups(const std::vector<int>& group_of, const std::vector<bool>& frozen) {
    const Busy busy(stepping_, kWhat);
    for (std::size_t k = 0; k < leaves_.size(); ++k) {
        leaves_[k].group = group_of.at(k);
        leaves_[k].frozen = frozen.at(static_cast<std::size_t>(group_of[k]));
    }
    carry.assign(frozen.size(), std::vector<double>(rule().carry, rule().carry + rule().n_carry));
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
        PyObject *p = params_[k].ptr(), *g = grads_[k].ptr();
        if (!leaf.param.matches(p) || leaf.param.data != fields(p)->data || !leaf.grad.matches(g))
            return false;
        char* data = fields(g)->data;
        if (leaf.grad.data == data) continue;
        const Extent e = extent(g);
        if (overlaps_params(e) || states_->overlaps(e.low, e.high)) return false;
        leaf.grad.data = data;
        plan_.tensors[k].grad.view.data = data;
        plan_.tensors[k].ordered_grad.view.data = data;
    }
    return true;
}

// Checks everything, and only then changes anything.
void Stepper::make_plan() {
    planned_ = false;
    Plan plan;
    for (std::size_t k = 0; k < leaves_.size(); ++k) plan.add(check_pair(k));
    check_memory();
    allocate();
    for (std::size_t k = 0; k < leaves_.size(); ++k) {
        for (int s = 0; s < rule().n_slots; ++s) plan.tensors[k].slots[s] = states_->slot(k, s);
        leaves_[k].param = Seen(params_[k].ptr(), true);
        leaves_[k].grad = Seen(grads_[k].ptr(), false);
    }
    plan_ = std::move(plan);
    planned_ = true;
}

// A parameter and its gradient, fit for a step.
Tensor Stepper::check_pair(std::size_t k) const {
    const Leaf& leaf = leaves_[k];
    PyObject *p = params_[k].ptr(), *g = grads_[k].ptr();
    const std::string p_name = label("params", paths()[k]), g_name = label("grads", paths()[k]);
    if (check_param(p, p_name) != leaf.dtype)
        throw py::value_error(p_name + " changed its dtype; that of the first step is wanted");
    if (shape_of(p) != leaf.shape)
        throw py::value_error(p_name + " has shape " + text_of(shape_of(p)) +
                              "; that of the first step, " + text_of(leaf.shape) + ", is wanted");
    const Element type = check_grad(g, g_name);
    if (shape_of(g) != leaf.shape)
        throw py::value_error(g_name + " has shape " + text_of(shape_of(g)) +
                              "; the parameter's, " + text_of(leaf.shape) + ", is wanted");
    Tensor tensor;
    tensor.dtype = leaf.dtype;
    tensor.count = leaf.count;
    tensor.group = leaf.group;
    tensor.frozen = leaf.frozen;
    tensor.param = operand(p, leaf.dtype == kFloat32 ? Element::kFloat32 : Element::kFloat64,
                           leaf.axes, leaf.dtype);
    tensor.grad = operand(g, type, leaf.axes, leaf.dtype);
    tensor.ordered_grad = operand(g, type, c_order(g), leaf.dtype);
    return tensor;
}

// Parameters share memory with no other array of the step, nor does anything with the states.
void Stepper::check_memory() {
    struct Owned {
        Extent extent;
        std::size_t leaf;
    };
    const auto not_in_states = [&](const Extent& e, const char* name, std::size_t k) {
        if (e.low < e.high && states_ && states_->overlaps(e.low, e.high))
            throw py::value_error(
                label(name, paths()[k]) +
                " shares memory with the optimizer's state; memory of its own is wanted");
    };
    std::vector<Owned> owned;
    for (std::size_t k = 0; k < leaves_.size(); ++k) {
        const Extent e = extent(params_[k].ptr());
        not_in_states(e, "params", k);
        if (e.low < e.high) owned.push_back({e, k});
    }
    std::sort(owned.begin(), owned.end(),
              [](const Owned& a, const Owned& b) { return a.extent.low < b.extent.low; });
    extents_.clear();
    reached_.clear();
    for (std::size_t k = 0; k < owned.size(); ++k) {
        const auto& [e, leaf] = owned[k];
        for (std::size_t j = k; j-- > 0 && reached_[j] > e.low;)
            if (owned[j].extent.high > e.low &&
                share_memory(params_[owned[j].leaf].ptr(), params_[leaf].ptr()))
                throw py::value_error(label("params", paths()[owned[j].leaf]) + " and " +
                                      label("params", paths()[leaf]) +
                                      " share memory; memory of its own is wanted for each");
        extents_.push_back(e);
        reached_.push_back(k ? std::max(reached_[k - 1], e.high) : e.high);
    }
    for (std::size_t k = 0; k < leaves_.size(); ++k) {
        const Extent e = extent(grads_[k].ptr());
        not_in_states(e, "grads", k);
        if (e.low == e.high || !overlaps_params(e)) continue;
        for (const Owned& param : owned)
            if (param.extent.low < e.high && e.low < param.extent.high &&
                share_memory(params_[param.leaf].ptr(), grads_[k].ptr()))
                throw py::value_error(label("grads", paths()[k]) + " shares memory with " +
                                      label("params", paths()[param.leaf]) +
                                      "; memory of its own is wanted");
    }
}

std::vector<Group> Stepper::groups_for_step(std::vector<std::vector<double>>& next_carry) const {
    const FloatEnvironment pinned;
    std::vector<Group> groups(hyper_.size());
    for (std::size_t k = 0; k < groups.size(); ++k) {
        rule().coefficients(hyper_[k].data(), step_count + 1, next_carry[k].data(),
                            groups[k].coefficients);
        groups[k].preparation = {(options_.maximize ? -1.0 : 1.0) / options_.grad_scale,
                                 options_.max_value, coupled_decay_ ? hyper_[k].back() : 0.0};
    }
    return groups;
}

// Reads the gradients where asked to, and updates unless that forbids it. Runs without the GIL.
StepReport Stepper::run(std::vector<Group>& groups, Unfit& unfit) {
    using Clock = std::chrono::steady_clock;
    const FloatEnvironment pinned;
    const int useful = useful_threads(plan_);
    const int threads = pace_.parallel() ? useful : 1;
    const Clock::time_point start = Clock::now();
    const bool clip = !std::isinf(options_.max_norm);
    const bool check = options_.nonfinite != Nonfinite::kPropagate;
    StepReport report;
    if (clip || check) {
        const double norm = gradient_norm(plan_, threads);
        report.grad_norm = norm / options_.grad_scale;
        if (clip && !(*report.grad_norm <= options_.max_norm))
            report.clip_factor = options_.max_norm / (*report.grad_norm + 1e-6);
        // A norm that is not finite makes all of the gradients so: look at them as they came.
        const double factor = std::isfinite(norm) ? report.clip_factor : 1.0;
        if (!(*report.grad_norm * factor <= surely_fit(plan_, rule().squares)))
            unfit =
                find_unfit(plan_, {factor / options_.grad_scale, options_.max_value, /*l2=*/0.0},
                           rule().squares);
        report.nonfinite = unfit.count;
        report.skipped = check && unfit.count > 0;
        if (report.clip_factor != 1.0)
            for (Group& group : groups) group.preparation.scale *= report.clip_factor;
    }
    if (!report.skipped) update(rule(), plan_, groups, threads);
    if (useful > 1) pace_.record(std::chrono::duration<double>(Clock::now() - start).count());
    return report;
}

void Stepper::step(py::handle params, py::handle grads) {
    const Busy busy(stepping_, kWhat);
    if (hyper_.empty())
        throw std::runtime_error("this optimizer is being loaded in another thread");
    const Release at_the_end(params_, grads_);
    structure_.collect(params, "params", params_);
    structure_.collect(grads, "grads", grads_);
    if (!plan_holds()) make_plan();
    std::vector<std::vector<double>> next_carry = carry;
    std::vector<Group> groups = groups_for_step(next_carry);
    Unfit unfit;
    StepReport taken =
        without_gil_if(plan_.trained.back() >= kLongStep, [&] { return run(groups, unfit); });
    if (taken.skipped && options_.nonfinite == Nonfinite::kRaise) refuse(unfit);
    if (!taken.skipped) {
        ++step_count;
        carry = std::move(next_carry);
    }
    taken.step = step_count;
    taken.learning_rate = hyper_[0][0];
    report = taken;
}

void Stepper::refuse(const Unfit& unfit) const {
    const std::string message = std::to_string(unfit.count) + " gradient elements are not finite" +
                                (rule().squares ? ", or their squares are not" : "") +
                                ", the first in " + label("grads", paths()[unfit.first]) +
                                "; nothing was written";
    PyErr_SetString(PyExc_FloatingPointError, message.c_str());
    throw py::error_already_set();
}

py::tuple Stepper::layout(std::size_t leaf) const {
    const Leaf& l = leaves_.at(leaf);
    return py::make_tuple(py::tuple(py::cast(l.shape)), l.dtype == kFloat32 ? "float32" : "float64",
                          py::tuple(py::cast(l.axes)));
}

// Of a state array, which lies as its parameter does.
std::vector<std::int64_t> Stepper::state_strides(const Leaf& leaf) {
    std::vector<std::int64_t> strides(leaf.shape.size());
    std::int64_t stride = size_of(leaf.dtype);
    for (auto a = leaf.axes.rbegin(); a != leaf.axes.rend(); ++a) {
        const auto axis = static_cast<std::size_t>(*a);
        strides[axis] = stride;
        stride *= leaf.shape[axis];
    }
    return strides;
}

View Stepper::slot_walk(std::size_t leaf, int slot) const {
    const Leaf& l = leaves_[leaf];
    View view{states_->slot(leaf, slot),
              l.dtype == kFloat32 ? Element::kFloat32 : Element::kFloat64, l.shape,
              state_strides(l)};
    collapse(view);
    return view;
}

py::tuple Stepper::snapshot(const std::shared_ptr<Stepper>& self) {
    const Busy busy(self->stepping_, kWhat);
    self->allocate();
    py::list all;
    for (std::size_t k = 0; k < self->leaves_.size(); ++k) {
        const Leaf& leaf = self->leaves_[k];
        py::dict slots;
        for (int s = 0; s < self->rule().n_slots; ++s) {
            py::array copy(numpy_dtype(leaf.dtype),
                           std::vector<py::ssize_t>(leaf.shape.begin(), leaf.shape.end()));
            const View from = self->slot_walk(k, s);
            if (leaf.dtype == kFloat32)
                gather(from, 0, leaf.count, static_cast<float*>(copy.mutable_data()));
            else
                gather(from, 0, leaf.count, static_cast<double*>(copy.mutable_data()));
            slots[self->slot_name(s).c_str()] = std::move(copy);
        }
        all.append(std::move(slots));
    }
    return py::make_tuple(self->step_count, self->carry, std::move(all));
}

void Stepper::restore(std::int64_t step_count_, const std::vector<std::vector<double>>& carry_,
                      const std::vector<py::dict>& slots) {
    const Busy busy(stepping_, kWhat);
    allocate();
    for (std::size_t k = 0; k < leaves_.size(); ++k)
        for (int s = 0; s < rule().n_slots; ++s) {
            const auto from = py::cast<py::array>(slots.at(k)[slot_name(s).c_str()]);
            const View to = slot_walk(k, s);
            if (leaves_[k].dtype == kFloat32)
                scatter(to, 0, leaves_[k].count, static_cast<const float*>(from.data()));
            else
                scatter(to, 0, leaves_[k].count, static_cast<const double*>(from.data()));
        }
    step_count = step_count_;
    carry = carry_;
    hyper_.clear();  // a step that read its settings before this is refused
}

py::dict Stepper::slots(const std::shared_ptr<Stepper>& self, std::size_t leaf) {
    const Busy busy(self->stepping_, kWhat);
    self->allocate();
    const Leaf& l = self->leaves_.at(leaf);
    py::dict result;
    for (int s = 0; s < self->rule().n_slots; ++s)
        result[self->slot_name(s).c_str()] =
            py::array(numpy_dtype(l.dtype), l.shape, state_strides(l), self->states_->slot(leaf, s),
                      py::cast(self));
    return result;
}

}  // namespace schuss

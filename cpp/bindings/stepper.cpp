#include "bindings/stepper.hpp"

#include <pybind11/stl.h>

#include <algorithm>

#include "bindings/foreign.hpp"
#include "bindings/words.hpp"

namespace schuss {
namespace {

std::vector<Leaf> leaves_of(const Structure& structure, py::handle params) {
    std::vector<py::object> arrays, owners;
    structure.collect(params, "params", arrays);
    view_foreign(arrays, "params", structure.paths(), &owners);
    std::vector<Leaf> leaves;
    for (std::size_t k = 0; k < arrays.size(); ++k) {
        const py::object& array = arrays[k];
        Leaf leaf;
        if (!is_array(array.ptr()) && py::hasattr(array, "axes")) {
            leaf.storage = storage_named(py::cast<std::string>(array.attr("dtype")));
            leaf.shape = py::cast<std::vector<std::int64_t>>(array.attr("shape"));
            leaf.axes = py::cast<std::vector<int>>(array.attr("axes"));
        } else {
            leaf.storage = check_param(array.ptr(), label("params", structure.paths()[k]));
            leaf.shape = shape_of(array.ptr());
            leaf.axes = memory_order(view_of(array.ptr(), leaf.storage));
        }
        leaves.push_back(std::move(leaf));
    }
    return leaves;
}

std::vector<double> fills_of(const std::string& rule, const py::dict& fills) {
    std::vector<double> result;
    for (const std::string& slot : words(find_rule(rule).slots))
        result.push_back(fills.contains(slot.c_str()) ? py::cast<double>(fills[slot.c_str()])
                                                      : 0.0);
    return result;
}

}  // namespace

Stepper::Stepper(const std::string& rule, py::handle params, const py::dict& fills,
                 std::optional<double> keep, Range range)
    : structure_(params, "params", "the params of the first step"),
      optimizer_(rule, leaves_of(structure_, params), fills_of(rule, fills), keep, range),
      known_(paths().size()) {}

Stepper::Idle::Idle(Stepper& of) : busy(of.stepping_) { of.optimizer_.check_closed(); }

void Stepper::assign_groups(const std::vector<int>& group_of, const std::vector<bool>& frozen) {
    const Busy busy(stepping_);
    optimizer_.assign_groups(group_of, frozen);
}

void Stepper::set_hyper(const std::vector<std::vector<double>>& hyper) {
    const Busy busy(stepping_);
    optimizer_.set_hyper(hyper);
}

void Stepper::set_options(const Options& options) {
    const Busy busy(stepping_);
    optimizer_.set_options(options);
}

// The arrays of the step, held until it ends: checks may run Python code, and the GIL is released.
void Stepper::collect(py::handle params, py::handle grads, py::handle shadow) {
    if (!optimizer_.ready())
        throw std::runtime_error("this optimizer is being loaded in another thread");
    structure_.collect(params, "params", params_);
    structure_.collect(grads, "grads", grads_);
    shadow_.clear();
    if (!shadow.is_none()) structure_.collect(shadow, "shadow", shadow_);
    if (bound_holds()) return;
    bool foreign = view_foreign(params_, "params", paths(), &owners_);
    foreign |= view_foreign(shadow_, "shadow", paths(), &owners_);
    foreign |= view_foreign(grads_, "grads", paths());
    if (!foreign) owners_.clear();
    if (!foreign || !bound_holds()) bind();
}

// What other libraries must know of: parameters that were written, and their shadows.
void Stepper::mark_params() {
    for (std::size_t first = 0; first < owners_.size(); first += known_.size())
        for (const std::size_t k : optimizer_.moving_leaves()) mark_written(owners_[first + k]);
}

// The common case: the arrays of the last step, or new gradients of the same layout.
bool Stepper::bound_holds() {
    if (!optimizer_.bound() || shadowed_ != !shadow_.empty()) return false;
    bool same_present = true;
    for (std::size_t k = 0; k < known_.size(); ++k) {
        Known& known = known_[k];
        PyObject *p = params_[k].ptr(), *g = grads_[k].ptr();
        if (!known.param.matches(p) || known.param.data != fields(p)->data) return false;
        if (shadowed_ && (!known.shadow.matches(shadow_[k].ptr()) ||
                          known.shadow.data != fields(shadow_[k].ptr())->data))
            return false;
        const bool present = g != Py_None;
        same_present &= present == known.present;
        if (!present) continue;
        if (!known.grad.matches(g)) return false;
        char* data = fields(g)->data;
        if (known.grad.data == data) continue;
        const Extent e = extent(g);
        if (extents_.overlap(e) || optimizer_.overlaps_states(e.low, e.high)) return false;
        known.grad.data = data;
        optimizer_.move_grad(k, data);
    }
    if (!same_present) {
        std::vector<bool> present;
        for (std::size_t k = 0; k < known_.size(); ++k)
            present.push_back(known_[k].present = !grads_[k].is_none());
        optimizer_.set_present(present);
    }
    return true;
}

// Checks everything, and only then changes anything.
void Stepper::bind() {
    optimizer_.unbind();
    std::vector<Arrays> arrays;
    for (std::size_t k = 0; k < known_.size(); ++k) arrays.push_back(check_arrays(k));
    check_memory();
    optimizer_.bind(arrays);
    shadowed_ = !shadow_.empty();
    for (std::size_t k = 0; k < known_.size(); ++k) {
        Known& known = known_[k];
        known.param = ArrayFingerprint(params_[k].ptr(), true);
        known.present = arrays[k].grad.data != nullptr;
        if (known.present)
            known.grad = ArrayFingerprint(grads_[k].ptr(), false);
        else
            known.grad.data = nullptr;  // the last layout is kept; where it lies is looked at anew
        if (shadowed_) known.shadow = ArrayFingerprint(shadow_[k].ptr(), true);
    }
}

// A parameter and what belongs to it, fit for a step.
Arrays Stepper::check_arrays(std::size_t k) const {
    const Leaf& leaf = optimizer_.leaves()[k];
    const auto check_shape = [&](PyObject* array, const std::string& name, const char* whose) {
        if (shape_of(array) != leaf.shape)
            refuse_shape(array, name, whose + (", " + text_of(leaf.shape) + ", is wanted"));
    };
    PyObject *p = params_[k].ptr(), *g = grads_[k].ptr();
    const std::string p_name = label("params", paths()[k]), g_name = label("grads", paths()[k]);
    if (check_param(p, p_name) != leaf.storage)
        throw py::value_error(p_name + " changed its dtype; that of the first step is wanted");
    check_shape(p, p_name, "that of the first step");
    Arrays arrays;
    arrays.param = view_of(p, leaf.storage);
    if (g != Py_None) {
        arrays.grad = view_of(g, check_grad(g, g_name));
        check_shape(g, g_name, "the parameter's");
    }
    if (!shadow_.empty()) {
        PyObject* s = shadow_[k].ptr();
        const std::string s_name = label("shadow", paths()[k]);
        const Element type = check_param(s, s_name);
        if (leaf.storage != Element::kFloat32)
            throw py::type_error(p_name + " has a shadow and dtype " + storage_name(leaf.storage) +
                                 "; float32 is wanted");
        if (type != Element::kBFloat16 && type != Element::kFloat16)
            throw py::type_error(s_name + " has dtype " + storage_name(type) +
                                 "; bfloat16 or float16 is wanted");
        check_shape(s, s_name, "the parameter's");
        arrays.shadow = view_of(s, type);
    }
    return arrays;
}

// Parameters and shadows share memory with no other array of the step, nor does anything with the
// states.
void Stepper::check_memory() {
    struct Owned {
        Extent extent;
        PyObject* array;
        std::string name;
    };
    std::vector<Owned> owned;
    const auto add_all = [&](const std::vector<py::object>& arrays, const char* name, bool written,
                             std::vector<Owned>& to) {
        for (std::size_t k = 0; k < arrays.size(); ++k) {
            if (arrays[k].is_none()) continue;
            const Extent e = extent(arrays[k].ptr());
            if (e.low == e.high) continue;
            if (optimizer_.overlaps_states(e.low, e.high))
                throw py::value_error(
                    label(name, paths()[k]) +
                    " shares memory with the optimizer's state; memory of its own is wanted");
            if (written || extents_.overlap(e))
                to.push_back({e, arrays[k].ptr(), label(name, paths()[k])});
        }
    };
    extents_.clear();
    add_all(params_, "params", true, owned);
    add_all(shadow_, "shadow", true, owned);
    std::stable_sort(owned.begin(), owned.end(),
                     [](const Owned& a, const Owned& b) { return a.extent.low < b.extent.low; });
    for (std::size_t k = 0; k < owned.size(); ++k) {
        const Extent& e = owned[k].extent;
        for (std::size_t j = k; j-- > 0 && extents_.reached(j) > e.low;)
            if (owned[j].extent.high > e.low && share_memory(owned[j].array, owned[k].array))
                throw py::value_error(owned[j].name + " and " + owned[k].name +
                                      " share memory; memory of its own is wanted for each");
        extents_.add(e);
    }
    std::vector<Owned> near;
    add_all(grads_, "grads", false, near);
    for (const Owned& grad : near)
        for (const Owned& other : owned)
            if (other.extent.low < grad.extent.high && grad.extent.low < other.extent.high &&
                share_memory(other.array, grad.array))
                throw py::value_error(grad.name + " shares memory with " + other.name +
                                      "; memory of its own is wanted");
}

void Stepper::let_go() {
    params_.clear();
    grads_.clear();
    shadow_.clear();
    owners_.clear();
}

void Stepper::step(py::handle params, py::handle grads, py::handle shadow,
                   std::optional<double> grad_norm) {
    const Idle idle(*this);
    const struct LetGo {
        Stepper& self;
        ~LetGo() { self.let_go(); }
    } at_the_end{*this};
    collect(params, grads, shadow);
    const bool taken = without_gil_if(optimizer_.moving() >= kLongStep,
                                      [&] { return optimizer_.step(grad_norm); });
    if (taken) mark_params();
    if (!taken && optimizer_.options().nonfinite == Nonfinite::kRaise) refuse();
}

bool Stepper::open(py::handle params, py::handle grads, py::handle shadow,
                   std::optional<double> grad_norm) {
    const Idle idle(*this);
    try {
        collect(params, grads, shadow);
        return keep_if(without_gil_if(optimizer_.moving() >= kLongStep,
                                      [&] { return optimizer_.open(grad_norm); }));
    } catch (...) {
        let_go();
        throw;
    }
}

// What `open` and `decide` say: where the step is not taken, its arrays are held no longer.
bool Stepper::keep_if(bool taken) {
    if (taken) return true;
    let_go();
    if (optimizer_.options().nonfinite == Nonfinite::kRaise) refuse();
    return false;
}

bool Stepper::decide(std::int64_t unfit) {
    const Busy busy(stepping_);
    return keep_if(optimizer_.decide(unfit));
}

std::vector<double> Stepper::gather() {
    const Busy busy(stepping_);
    const py::gil_scoped_release released;
    return optimizer_.gather();
}

void Stepper::set_sums(const std::vector<double>& sums) {
    const Busy busy(stepping_);
    optimizer_.set_sums(sums);
}

void Stepper::run(const std::vector<std::size_t>& leaves) {
    const Busy busy(stepping_);
    const py::gil_scoped_release released;
    optimizer_.run(leaves);
}

void Stepper::close() {
    const Busy busy(stepping_);
    optimizer_.close();
    mark_params();
    let_go();
}

void Stepper::cancel() {
    const Busy busy(stepping_);
    optimizer_.cancel();
    let_go();
}

void Stepper::refuse() const {
    const Unfit& unfit = optimizer_.unfit();
    const std::string message =
        unfit.count == 0
            ? std::string("grad_norm is not finite; nothing was written")
            : std::to_string(unfit.count) + " gradient elements are not finite" +
                  (optimizer_.rule().squares ? ", or their squares are not" : "") +
                  (unfit.first ? ", the first in " + label("grads", paths()[*unfit.first])
                               : std::string(", all in other ranges")) +
                  "; nothing was written";
    PyErr_SetString(PyExc_FloatingPointError, message.c_str());
    throw py::error_already_set();
}

std::vector<std::string> Stepper::slot_names() const {
    std::vector<std::string> names = words(optimizer_.rule().slots);
    if (optimizer_.averages()) names.push_back("ema");
    return names;
}

py::tuple Stepper::layout(std::size_t leaf) const {
    const Leaf& l = optimizer_.leaves().at(leaf);
    return py::make_tuple(py::tuple(py::cast(l.shape)), storage_name(l.storage),
                          py::tuple(py::cast(l.axes)));
}

py::tuple Stepper::snapshot() {
    const Idle idle(*this);
    optimizer_.allocate();
    const std::vector<std::string> names = slot_names();
    std::vector<std::int64_t> counts;
    py::list carry, all;
    for (std::size_t k = 0; k < known_.size(); ++k) {
        counts.push_back(optimizer_.count(k));
        carry.append(py::cast(optimizer_.carry(k)));
        py::dict slots;
        for (std::size_t s = 0; s < names.size(); ++s) {
            View from = optimizer_.slot(k, static_cast<int>(s));
            const DType dtype = optimizer_.leaves()[k].dtype();
            py::array copy(numpy_dtype(dtype), from.shape);
            collapse(from);
            schuss::gather(from, 0, from.count(), dtype, copy.mutable_data());
            slots[names[s].c_str()] = std::move(copy);
        }
        all.append(std::move(slots));
    }
    return py::make_tuple(optimizer_.step_count, counts, carry, std::move(all));
}

void Stepper::restore(std::int64_t step_count, const std::vector<std::int64_t>& counts,
                      const std::vector<std::vector<double>>& carry,
                      const std::vector<py::dict>& slots) {
    const Idle idle(*this);
    optimizer_.allocate();
    const std::vector<std::string> names = slot_names();
    for (std::size_t k = 0; k < known_.size(); ++k)
        for (std::size_t s = 0; s < names.size(); ++s) {
            const auto from = py::cast<py::array>(slots.at(k)[names[s].c_str()]);
            View to = optimizer_.slot(k, static_cast<int>(s));
            collapse(to);
            scatter(to, 0, from.size(), optimizer_.leaves()[k].dtype(), from.data());
        }
    optimizer_.restore(step_count, counts, carry);
}

py::dict Stepper::slots(const std::shared_ptr<Stepper>& self, std::size_t leaf) {
    const Idle idle(*self);
    self->optimizer_.allocate();
    const std::vector<std::string> names = self->slot_names();
    py::dict result;
    for (std::size_t s = 0; s < names.size(); ++s) {
        const View view = self->optimizer_.slot(leaf, static_cast<int>(s));
        result[names[s].c_str()] =
            py::array(numpy_dtype(self->optimizer_.leaves().at(leaf).dtype()), view.shape,
                      view.strides, view.data, py::cast(self));
    }
    return result;
}

}  // namespace schuss

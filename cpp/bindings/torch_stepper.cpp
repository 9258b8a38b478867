#include "bindings/torch_stepper.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "bindings/register.hpp"
#include "bindings/words.hpp"

namespace schuss {
namespace {

PyObject* item(PyObject* dict, PyObject* key) {
    PyObject* value = PyDict_GetItemWithError(dict, key);
    if (!value && PyErr_Occurred()) throw py::error_already_set();
    return value;
}

bool is_true(PyObject* o) {
    const int truth = PyObject_IsTrue(o);
    if (truth < 0) throw py::error_already_set();
    return truth == 1;
}

double number_of(PyObject* o) {
    const double x = PyFloat_AsDouble(o);
    if (x == -1.0 && PyErr_Occurred()) throw py::error_already_set();
    return x;
}

// Of settings: (rule, maximize, decoupled, numbers).
enum { kRule, kMaximize, kDecoupled, kNumbers };

PyObject* params_of(const py::handle& group) {
    static PyObject* const name = PyUnicode_InternFromString("params");
    PyObject* list = item(group.ptr(), name);
    if (!list || !PyList_Check(list)) throw py::type_error("a group has no list of params");
    return list;
}

}  // namespace

double TorchStepper::Scalar::read() const {
    return wide ? *reinterpret_cast<const double*>(data) : *reinterpret_cast<const float*>(data);
}

void TorchStepper::Scalar::write(double x) {
    if (wide)
        *reinterpret_cast<double*>(data) = x;
    else
        *reinterpret_cast<float*>(data) = static_cast<float>(x);
    value = read();
}

TorchStepper::TorchStepper(const py::module_& torch, py::object increment)
    : reader_(torch), increment_(std::move(increment)) {}

void TorchStepper::set_options(const Options& options, std::optional<double> keep, bool master,
                               double agc, double agc_epsilon) {
    const Busy busy(stepping_);
    options_ = options;
    keep_ = keep;
    master_ = master;
    agc_ = agc;
    agc_epsilon_ = agc_epsilon;
    bound_ = false;
}

// -- what was seen, and whether it holds ----------------------------------------------------------

bool TorchStepper::groups_hold(const py::list& groups) {
    if (groups.size() != places_.size()) return false;
    std::size_t k = 0;
    for (std::size_t g = 0; g < groups.size(); ++g) {
        PyObject* list = params_of(groups[g]);
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); ++i, ++k)
            if (k == parameters_.size() || parameters_[k].group != g ||
                parameters_[k].tensor.ptr() != PyList_GET_ITEM(list, i))
                return false;
    }
    return k == parameters_.size();
}

bool TorchStepper::settings_hold(const py::list& settings) {
    for (std::size_t g = 0; g < settings.size(); ++g) {
        PyObject* s = PyList_GET_ITEM(settings.ptr(), static_cast<Py_ssize_t>(g));
        const auto [p, place] = places_[g];
        Part& part = parts_[p];
        if (part.rule.ptr() != PyTuple_GET_ITEM(s, kRule) &&
            !part.rule.equal(py::handle(PyTuple_GET_ITEM(s, kRule))))
            return false;
        if (part.maximize != is_true(PyTuple_GET_ITEM(s, kMaximize)) ||
            part.decoupled != is_true(PyTuple_GET_ITEM(s, kDecoupled)))
            return false;
        read_hyper(part, place, PyTuple_GET_ITEM(s, kNumbers));
    }
    return true;
}

void TorchStepper::read_hyper(Part& part, std::size_t group, const py::handle& numbers) {
    std::vector<double>& hyper = part.hyper[group];
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(numbers.ptr()); ++i) {
        const double x = number_of(PyTuple_GET_ITEM(numbers.ptr(), i));
        double& known = hyper[static_cast<std::size_t>(i)];
        if (x == known) continue;
        known = x;
        part.stale_hyper = true;
    }
}

// Parameters as they were; gradients of the layout of the last ones, or none.
bool TorchStepper::tensors_hold() {
    TensorView view, grad;
    for (Parameter& p : parameters_) {
        if (!reader_.read(p.tensor.ptr(), view) || view.data != p.data || !p.seen.matches(view))
            return false;
        p.grad = reader_.grad(p.tensor.ptr());
        const bool present = !p.grad.is_none();
        if (present && !p.part) return false;
        if (!p.part) continue;
        Part& part = parts_[*p.part];
        part.stale_present |= present != p.present;
        p.present = present;
        if (!present) continue;
        if (p.master && reader_.version(p.tensor.ptr()) != p.version) return false;
        if (!reader_.read(p.grad.ptr(), grad) || !p.grad_seen.matches(grad) ||
            reader_.is_lazy(p.grad.ptr(), grad.complex))
            return false;
        if (grad.data == p.grad_data) continue;
        if (written_.overlap(grad.extent())) return false;
        p.grad_data = grad.data;
        part.optimizer->move_grad(p.leaf, grad.data);
    }
    return true;
}

// The tensors that they were; and, where someone has or had them in hand, where they were.
bool TorchStepper::states_hold(const py::dict& owner, bool touched) {
    static PyObject* const kState = PyUnicode_InternFromString("state");
    PyObject* state = item(owner.ptr(), kState);
    if (!state || !PyDict_Check(state)) throw py::type_error("state is no dict");
    PyObject *key, *value;
    Py_ssize_t at = 0;
    std::size_t k = 0;
    bool held = Py_REFCNT(state) > 1;  // by more than its owner
    for (; PyDict_Next(state, &at, &key, &value); ++k) {
        if (k == entries_.size() || entries_[k].key.ptr() != key ||
            entries_[k].value.ptr() != value || !PyDict_Check(value))
            return false;
        held |= Py_REFCNT(value) > 2;  // by more than `state` and the entry
        const auto& items = entries_[k].items;
        PyObject *name, *tensor;
        Py_ssize_t inner = 0;
        std::size_t i = 0;
        for (; PyDict_Next(value, &inner, &name, &tensor); ++i)
            if (i == items.size() || items[i].first.ptr() != name ||
                items[i].second.ptr() != tensor)
                return false;
        if (i != items.size()) return false;
    }
    if (k != entries_.size()) return false;
    // By more than its dict, the entry and the parameter.
    const auto in_hand = [](const auto& of) { return Py_REFCNT(of.tensor.ptr()) > 3; };
    for (const Parameter& p : parameters_)
        held = held || std::any_of(p.slots.begin(), p.slots.end(), in_hand) ||
               std::any_of(p.scalars.begin(), p.scalars.end(), in_hand);
    touched |= held || held_;
    held_ = held;
    TensorView view;
    const auto same = [&](const py::object& tensor, const char* data) {
        return !touched || (reader_.read(tensor.ptr(), view) && view.data == data);
    };
    for (const Parameter& p : parameters_) {
        if (!p.part) continue;
        for (const Slot& slot : p.slots)
            if (!same(slot.tensor, slot.data)) return false;
        for (const Scalar& scalar : p.scalars)  // memory that is not where it was may be gone
            if (!same(scalar.tensor, scalar.data) || scalar.read() != scalar.value) return false;
    }
    return true;
}

// -- learning -------------------------------------------------------------------------------------

std::optional<std::string> TorchStepper::learn_parameters(const py::list& groups) {
    TensorView view, grad;
    for (std::size_t g = 0; g < groups.size(); ++g)
        for (const py::handle tensor : py::reinterpret_borrow<py::list>(params_of(groups[g]))) {
            Parameter p;
            p.tensor = py::reinterpret_borrow<py::object>(tensor);
            p.group = g;
            if (!reader_.read(tensor.ptr(), view) || reader_.is_lazy(tensor.ptr(), view.complex))
                return "a parameter is not a plain floating-point tensor on the CPU";
            const View as = view.view();
            if (layout_of(as, memory_order(as)) == Layout::kOverlaps)
                return "a parameter shares memory with itself";
            p.seen = p.grad_seen = TensorFingerprint(view);
            p.data = p.grad_data = view.data;
            p.master = master_ && kBytes[static_cast<int>(view.type)] == 2;
            if (p.master) p.version = reader_.version(tensor.ptr());
            p.grad = reader_.grad(tensor.ptr());
            p.present = !p.grad.is_none();
            if (p.present) {
                if (!reader_.read(p.grad.ptr(), grad) ||
                    reader_.is_lazy(p.grad.ptr(), grad.complex))
                    return "a gradient is not a plain floating-point tensor on the CPU";
                // `read` may reuse what view points to.
                if (!reader_.read(tensor.ptr(), view) || grad.view().shape != as.shape)
                    return "a gradient has another shape than its parameter";
                reader_.read(p.grad.ptr(), grad);
                p.grad_seen = TensorFingerprint(grad);
                p.grad_data = grad.data;
            }
            parameters_.push_back(std::move(p));
        }
    return std::nullopt;
}

void TorchStepper::learn_settings(const py::list& settings) {
    for (const py::handle s : settings) {
        const auto tuple = py::reinterpret_borrow<py::tuple>(s);
        const py::object rule = tuple[kRule];
        const bool maximize = is_true(py::object(tuple[kMaximize]).ptr()),
                   decoupled = is_true(py::object(tuple[kDecoupled]).ptr());
        auto part = std::find_if(parts_.begin(), parts_.end(), [&](const Part& other) {
            return other.rule.equal(rule) && other.maximize == maximize &&
                   other.decoupled == decoupled;
        });
        if (part == parts_.end()) {
            parts_.push_back({rule, maximize, decoupled, {}, {}, nullptr});
            part = parts_.end() - 1;
        }
        const auto numbers = py::cast<py::tuple>(tuple[kNumbers]);
        const auto wanted =
            static_cast<std::size_t>(find_rule(py::cast<std::string>(rule)).n_hyper) + 1;
        if (numbers.size() != wanted)
            throw py::value_error("settings have " + std::to_string(numbers.size()) + " numbers; " +
                                  std::to_string(wanted) + " are wanted");
        places_.emplace_back(part - parts_.begin(), part->hyper.size());
        part->hyper.emplace_back(wanted, NAN);
        part->hyper.back().push_back(agc_);
        part->hyper.back().push_back(agc_epsilon_);
        read_hyper(*part, part->hyper.size() - 1, numbers);
    }
}

std::optional<std::string> TorchStepper::learn_states(const py::dict& state,
                                                      const py::object& counted,
                                                      const std::vector<std::string>& carry) {
    std::unordered_map<PyObject*, PyObject*> of;
    for (const auto& [key, value] : state) {
        Entry entry{
            py::reinterpret_borrow<py::object>(key), py::reinterpret_borrow<py::object>(value), {}};
        if (PyDict_Check(value.ptr())) {
            of[key.ptr()] = value.ptr();
            for (const auto& [name, tensor] : py::reinterpret_borrow<py::dict>(value))
                entry.items.emplace_back(py::reinterpret_borrow<py::object>(name),
                                         py::reinterpret_borrow<py::object>(tensor));
        }
        entries_.push_back(std::move(entry));
    }
    TensorView view;
    for (Parameter& p : parameters_) {
        const auto [part, place] = places_[p.group];
        const Rule& rule = find_rule(py::cast<std::string>(parts_[part].rule));
        std::vector<std::string> names = words(rule.slots);
        if (keep_) names.push_back("ema");
        if (p.master) names.push_back("master");
        const auto found = of.find(p.tensor.ptr());
        if (found == of.end() && !(names.empty() && counted.is_none())) {
            if (p.present) return "a parameter has no state";
            continue;
        }
        const auto take = [&](const std::string& name) -> py::object {
            PyObject* tensor = item(found->second, py::str(name).ptr());
            if (!tensor || !reader_.read(tensor, view)) return py::object();
            return py::reinterpret_borrow<py::object>(tensor);
        };
        bool whole = true;
        for (const std::string& name : names) {
            const py::object tensor = take(name);
            if (!tensor) {
                whole = false;
                break;
            }
            p.slots.push_back({tensor, tensor.attr("untyped_storage")(), view.data});
        }
        const auto take_scalar = [&](const std::string& name) {
            const py::object tensor = take(name);
            const bool one = tensor && !view.complex &&
                             (view.type == Element::kFloat32 || view.type == Element::kFloat64) &&
                             view.extent().high - view.data == kBytes[static_cast<int>(view.type)];
            whole &= one;
            if (!one) return;
            Scalar s{tensor, view.data, view.type == Element::kFloat64};
            s.value = s.read();
            p.scalars.push_back(std::move(s));
        };
        if (!counted.is_none()) take_scalar(py::cast<std::string>(counted));
        whole &= p.scalars.empty() || std::floor(p.scalars[0].value) == p.scalars[0].value;
        for (const std::string& name : carry) take_scalar(name);
        if (!whole) {
            if (p.present) return "a state is missing, or no plain tensor on the CPU";
            p.slots.clear();
            p.scalars.clear();
            continue;
        }
        p.part = part;
        p.leaf = parts_[part].members.size();
        parts_[part].members.push_back(static_cast<std::size_t>(&p - parameters_.data()));
    }
    return std::nullopt;
}

// Nothing that is written shares memory with anything else.
std::optional<std::string> TorchStepper::learn_memory() {
    std::vector<Extent> written;
    TensorView view;
    const auto add = [&](const py::object& tensor) {
        reader_.read(tensor.ptr(), view);
        const Extent e = view.extent();
        if (e.low != e.high) written.push_back(e);
    };
    for (const Parameter& p : parameters_) {
        add(p.tensor);
        for (const Slot& slot : p.slots) add(slot.tensor);
        for (const Scalar& scalar : p.scalars) add(scalar.tensor);
    }
    std::sort(written.begin(), written.end(),
              [](const Extent& a, const Extent& b) { return a.low < b.low; });
    for (const Extent& e : written) {
        if (written_.overlap(e)) return "parameters or states share memory";
        written_.add(e);
    }
    for (const Parameter& p : parameters_) {
        if (!p.present) continue;
        reader_.read(p.grad.ptr(), view);
        if (written_.overlap(view.extent()))
            return "a gradient shares memory with a parameter or a state";
    }
    return std::nullopt;
}

void TorchStepper::make_optimizers(const py::set& begun) {
    TensorView view;
    const auto view_of = [&](const py::object& tensor) {
        reader_.read(tensor.ptr(), view);
        return view.view();
    };
    for (Part& part : parts_) {
        const std::string rule = py::cast<std::string>(part.rule);
        std::vector<Leaf> leaves;
        std::vector<Arrays> arrays;
        std::vector<int> group_of;
        std::vector<bool> present;
        std::vector<std::int64_t> counts;
        std::vector<std::vector<double>> carry;
        bool wide = true;
        for (const std::size_t k : part.members) {
            Parameter& p = parameters_[k];
            Arrays of;
            of.param = view_of(p.tensor);
            of.grad = p.present ? view_of(p.grad) : of.param;  // a place, until there is one
            std::size_t n_slots = p.slots.size();
            if (p.master) {
                of.shadow = of.param;
                of.param = view_of(p.slots[--n_slots].tensor);
            }
            Leaf leaf{of.param.type, of.param.shape, memory_order(of.param)};
            if (find_rule(rule).n_sums > 0) leaf.axes = c_order(leaf.shape.size());
            for (std::size_t s = 0; s < n_slots; ++s) {
                const View slot = view_of(p.slots[s].tensor);
                if (s == 0 && find_rule(rule).n_sums == 0) leaf.axes = memory_order(slot);
                if (slot.type != (leaf.dtype() == kFloat32 ? Element::kFloat32 : Element::kFloat64))
                    throw std::runtime_error(
                        "a state has another dtype than the steps of its parameter are taken in");
                if (slot.shape != leaf.shape || layout_of(slot, leaf.axes) != Layout::kDense)
                    throw std::runtime_error("a state has another layout than its parameter");
                of.slots.push_back(slot.data);
            }
            counts.push_back(counted_ ? static_cast<std::int64_t>(p.scalars[0].value)
                                      : begun.contains(p.tensor));
            carry.emplace_back();
            for (std::size_t c = counted_; c < p.scalars.size(); ++c) {
                carry.back().push_back(p.scalars[c].value);
                wide &= p.scalars[c].wide;
            }
            leaves.push_back(std::move(leaf));
            arrays.push_back(std::move(of));
            group_of.push_back(static_cast<int>(places_[p.group].second));
            present.push_back(p.present);
        }
        part.optimizer = std::make_unique<Optimizer>(
            rule, leaves, std::vector<double>(static_cast<std::size_t>(find_rule(rule).n_slots)),
            keep_, Range());
        Options options = options_;
        options.maximize = part.maximize;
        options.decoupled = part.decoupled;
        options.carry_float32 = !wide;
        part.optimizer->set_options(options);
        part.optimizer->assign_groups(group_of, std::vector<bool>(part.hyper.size()));
        part.optimizer->restore(0, counts, carry);
        part.optimizer->set_hyper(part.hyper);
        part.optimizer->bind(arrays);
        part.optimizer->set_present(present);
        part.stale_hyper = part.stale_present = false;
    }
}

std::optional<std::string> TorchStepper::check(const py::list& groups) {
    const Busy busy(stepping_);
    bound_ = false;
    parameters_.clear();
    std::optional<std::string> why = learn_parameters(groups);
    let_go();
    return why;
}

std::optional<std::string> TorchStepper::bind(const py::list& groups, const py::dict& state,
                                              const py::list& settings, const py::object& counted,
                                              const std::vector<std::string>& carry,
                                              const py::set& begun) {
    const Busy busy(stepping_);
    bound_ = false;
    parameters_.clear();
    places_.clear();
    parts_.clear();
    entries_.clear();
    written_.clear();
    std::optional<std::string> why = learn_parameters(groups);
    if (why) return why;
    counted_ = counted.is_none() ? 0 : 1;
    learn_settings(settings);
    why = learn_states(state, counted, carry);
    if (!why) why = learn_memory();
    if (!why) make_optimizers(begun);
    let_go();
    bound_ = !why;
    return why;
}

// -- a step ---------------------------------------------------------------------------------------

void TorchStepper::let_go() {
    for (Parameter& p : parameters_) p.grad = py::object();
}

std::optional<bool> TorchStepper::step(const py::list& groups, const py::dict& owner,
                                       const py::list& settings, bool touched, int threads) {
    const Busy busy(stepping_);
    const struct LetGo {
        TorchStepper& self;
        ~LetGo() { self.let_go(); }
    } at_the_end{*this};
    if (!bound_ || !groups_hold(groups) || !settings_hold(settings) || !tensors_hold() ||
        !states_hold(owner, touched))
        return std::nullopt;
    std::vector<Optimizer*> all;
    std::int64_t moving = 0;
    for (Part& part : parts_) {
        if (part.stale_hyper) part.optimizer->set_hyper(part.hyper);
        if (part.stale_present) {
            std::vector<bool> present;
            for (const std::size_t k : part.members) present.push_back(parameters_[k].present);
            part.optimizer->set_present(present);
        }
        part.stale_hyper = part.stale_present = false;
        if (part.optimizer->options().threads != threads) {
            Options options = part.optimizer->options();
            options.threads = threads;
            part.optimizer->set_options(options);
        }
        moving += part.optimizer->moving();
        all.push_back(part.optimizer.get());
    }
    const bool taken =
        without_gil_if(moving >= kLongStep, [&] { return Optimizer::step_together(all); });
    if (!taken) {
        if (options_.nonfinite == Nonfinite::kRaise) refuse();
        return false;
    }
    finish_step();
    return true;
}

// Counts and scalar states go to their tensors, and autograd learns what was written.
void TorchStepper::finish_step() {
    py::list updated;  // what autograd is told of
    for (Parameter& p : parameters_) {
        if (!p.present) continue;
        const Optimizer& optimizer = *parts_[*p.part].optimizer;
        if (counted_) p.scalars[0].write(static_cast<double>(optimizer.count(p.leaf)));
        if (p.scalars.size() > counted_) {
            const std::vector<double> carry = optimizer.carry(p.leaf);
            for (std::size_t c = 0; c < carry.size(); ++c) p.scalars[counted_ + c].write(carry[c]);
        }
        updated.append(p.tensor);
    }
    increment_(updated);
    for (Parameter& p : parameters_)
        if (p.present && p.master) p.version = reader_.version(p.tensor.ptr());
}

void TorchStepper::refuse() const {
    std::size_t first = parameters_.size();
    for (const Part& part : parts_)
        if (const auto own = part.optimizer->unfit().first)
            first = std::min(first, part.members[*own]);
    const std::string message = std::to_string(parts_[0].optimizer->unfit().count) +
                                " gradient elements are not finite, the first in parameter " +
                                std::to_string(first) + "; nothing was written";
    PyErr_SetString(PyExc_FloatingPointError, message.c_str());
    throw py::error_already_set();
}

py::object TorchStepper::report() const {
    return bound_ && !parts_.empty() ? for_python(parts_[0].optimizer->report()) : py::none();
}

}  // namespace schuss

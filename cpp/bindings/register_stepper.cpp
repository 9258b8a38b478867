// Stepper, and the functions over structures of arrays that need no optimizer.
#include <pybind11/stl.h>

#include "bindings/foreign.hpp"
#include "bindings/register.hpp"
#include "bindings/stepper.hpp"

namespace schuss {
namespace {

py::list flatten(py::handle tree, const char* name) {
    const Structure structure(tree, name, name);
    std::vector<py::object> leaves;
    structure.collect(tree, name, leaves);
    py::list result;
    for (std::size_t k = 0; k < leaves.size(); ++k)
        result.append(py::make_tuple(structure.paths()[k], leaves[k]));
    return result;
}

// Path, leaf and array of each leaf: itself, or a view of what is foreign.
py::list views(py::handle tree, const char* name, bool written) {
    const Structure structure(tree, name, name);
    std::vector<py::object> leaves, owners;
    structure.collect(tree, name, leaves);
    const std::vector<py::object> given = leaves;
    view_foreign(leaves, name, structure.paths(), written ? &owners : nullptr);
    py::list result;
    for (std::size_t k = 0; k < leaves.size(); ++k)
        result.append(py::make_tuple(structure.paths()[k], given[k], leaves[k]));
    return result;
}

// The gradients as a plan without parameters; the leaves hold what it points to.
Plan plan_of(py::handle grads, std::vector<py::object>& leaves) {
    const Structure structure(grads, "grads", "grads");
    structure.collect(grads, "grads", leaves);
    view_foreign(leaves, "grads", structure.paths());
    Plan plan;
    for (std::size_t k = 0; k < leaves.size(); ++k) {
        PyObject* array = leaves[k].ptr();
        Tensor tensor;
        tensor.resting = array == Py_None;
        if (!tensor.resting) {
            const View view =
                view_of(array, check_grad(array, label("grads", structure.paths()[k])));
            tensor.dtype = kCompute[static_cast<int>(view.type)];
            tensor.ordered_grad = operand(view, c_order(view.shape.size()), tensor.dtype);
            tensor.count = view.count();
        }
        plan.add(std::move(tensor));
    }
    plan.choose_moving();
    return plan;
}

double global_norm(py::handle grads) {
    std::vector<py::object> leaves;
    const Plan plan = plan_of(grads, leaves);
    const py::gil_scoped_release released;
    return gradient_norm(plan, useful_threads(plan.moving.total()));
}

std::vector<double> sums_of(py::handle grads, double scale) {
    std::vector<py::object> leaves;
    const Plan plan = plan_of(grads, leaves);
    const py::gil_scoped_release released;
    return block_sums(plan, scale, useful_threads(plan.moving.total()));
}

}  // namespace

py::object for_python(const std::optional<StepReport>& r) {
    if (!r) return py::none();
    return py::make_tuple(r->step, r->learning_rate, r->grad_norm, r->clip_factor, r->skipped,
                          r->nonfinite);
}

Nonfinite nonfinite_from(const std::string& name) {
    if (name == "propagate") return Nonfinite::kPropagate;
    if (name == "skip") return Nonfinite::kSkip;
    if (name == "raise") return Nonfinite::kRaise;
    throw py::value_error("nonfinite is '" + name + "'; 'propagate', 'skip' or 'raise' is wanted");
}

void register_stepper(py::module_& m) {
    using Owner = const std::shared_ptr<Stepper>&;
    m.def("flatten", flatten, py::arg("tree"), py::arg("name"));
    m.def("views", views, py::arg("tree"), py::arg("name"), py::arg("written"));
    m.def("mark_written", mark_written, py::arg("owner"));
    m.def("global_norm", global_norm, py::arg("grads"));
    m.def("block_sums", sums_of, py::arg("grads"), py::arg("scale"));
    py::class_<Stepper, std::shared_ptr<Stepper>>(m, "Stepper")
        .def(py::init([](const std::string& rule, py::handle params, const py::dict& fills,
                         std::optional<double> keep, std::pair<std::int64_t, std::int64_t> range) {
                 return std::make_shared<Stepper>(rule, params, fills, keep,
                                                  Range{range.first, range.second});
             }),
             py::arg("rule"), py::arg("params"), py::arg("fills"), py::arg("keep") = py::none(),
             py::arg("range") = std::pair(0, Range().end))
        .def("step", &Stepper::step, py::arg("params"), py::arg("grads"),
             py::arg("shadow") = py::none(), py::arg("grad_norm") = py::none())
        .def("open", &Stepper::open, py::arg("params"), py::arg("grads"),
             py::arg("shadow") = py::none(), py::arg("grad_norm") = py::none())
        .def_property_readonly("unfit", [](Owner self) { return self->optimizer().unfit().count; })
        .def("decide", &Stepper::decide, py::arg("unfit"))
        .def("gather", &Stepper::gather)
        .def("set_sums", &Stepper::set_sums, py::arg("sums"))
        .def("run", &Stepper::run, py::arg("leaves"))
        .def("close", &Stepper::close)
        .def("cancel", &Stepper::cancel)
        .def("assign_groups", &Stepper::assign_groups, py::arg("group_of"), py::arg("frozen"))
        .def("set_hyper", &Stepper::set_hyper, py::arg("hyper"))
        .def(
            "set_options",
            [](Stepper& self, double max_norm, double max_value, double grad_scale,
               const std::string& nonfinite, bool maximize, bool decoupled,
               std::optional<int> agc_axis) {
                self.set_options({max_norm, max_value, grad_scale, nonfinite_from(nonfinite),
                                  maximize, decoupled, agc_axis});
            },
            py::kw_only(), py::arg("max_norm"), py::arg("max_value"), py::arg("grad_scale"),
            py::arg("nonfinite"), py::arg("maximize"), py::arg("decoupled"), py::arg("agc_axis"))
        .def("unflatten", &Stepper::unflatten, py::arg("leaves"))
        .def("layout", &Stepper::layout, py::arg("leaf"))
        .def("slots", &Stepper::slots, py::arg("leaf"))
        .def_property_readonly("rule", [](Owner self) { return self->optimizer().rule().name; })
        .def_property_readonly("paths", &Stepper::paths)
        .def("snapshot", &Stepper::snapshot)
        .def("restore", &Stepper::restore, py::arg("step_count"), py::arg("counts"),
             py::arg("carry"), py::arg("slots"))
        .def_property_readonly("step_count",
                               [](Owner self) { return self->optimizer().step_count; })
        .def(
            "count", [](Owner self, std::size_t leaf) { return self->optimizer().count(leaf); },
            py::arg("leaf"))
        .def(
            "carry", [](Owner self, std::size_t leaf) { return self->optimizer().carry(leaf); },
            py::arg("leaf"))
        .def_property_readonly("report",
                               [](Owner self) { return for_python(self->optimizer().report()); });
}

}  // namespace schuss

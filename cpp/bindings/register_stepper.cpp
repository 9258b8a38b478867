// Stepper, and the functions over structures of arrays that need no optimizer.
#include <pybind11/stl.h>

#include "bindings/register.hpp"
#include "bindings/stepper.hpp"

namespace schuss {
namespace {

Nonfinite nonfinite_from(const std::string& name) {
    if (name == "propagate") return Nonfinite::kPropagate;
    if (name == "skip") return Nonfinite::kSkip;
    if (name == "raise") return Nonfinite::kRaise;
    throw py::value_error("nonfinite is '" + name + "'; 'propagate', 'skip' or 'raise' is wanted");
}

py::list flatten(py::handle tree, const char* name) {
    const Structure structure(tree, name, name);
    std::vector<py::object> leaves;
    structure.collect(tree, name, leaves);
    py::list result;
    for (std::size_t k = 0; k < leaves.size(); ++k)
        result.append(py::make_tuple(structure.paths()[k], leaves[k]));
    return result;
}

double global_norm(py::handle grads) {
    const Structure structure(grads, "grads", "grads");
    std::vector<py::object> leaves;
    structure.collect(grads, "grads", leaves);
    Plan plan;
    for (std::size_t k = 0; k < leaves.size(); ++k) {
        const std::string name = label("grads", structure.paths()[k]);
        Tensor tensor;
        PyObject* array = leaves[k].ptr();
        const Element type = check_grad(array, name);
        tensor.dtype = type == Element::kFloat32 ? kFloat32 : kFloat64;
        tensor.ordered_grad = operand(array, type, c_order(array), tensor.dtype);
        tensor.count = 1;
        for (const std::int64_t n : shape_of(array)) tensor.count *= n;
        plan.add(std::move(tensor));
    }
    const py::gil_scoped_release released;
    return gradient_norm(plan, useful_threads(plan));
}

}  // namespace

void register_stepper(py::module_& m) {
    m.def("flatten", flatten, py::arg("tree"), py::arg("name"));
    m.def("global_norm", global_norm, py::arg("grads"));
    py::class_<Stepper, std::shared_ptr<Stepper>>(m, "Stepper")
        .def(py::init<const std::string&, py::handle, const py::dict&>(), py::arg("rule"),
             py::arg("params"), py::arg("fills"))
        .def("step", &Stepper::step, py::arg("params"), py::arg("grads"))
        .def("assign_groups", &Stepper::assign_groups, py::arg("group_of"), py::arg("frozen"))
        .def("set_hyper", &Stepper::set_hyper, py::arg("hyper"))
        .def(
            "set_options",
            [](Stepper& self, double max_norm, double max_value, double grad_scale,
               const std::string& nonfinite, bool maximize) {
                self.set_options(
                    {max_norm, max_value, grad_scale, nonfinite_from(nonfinite), maximize});
            },
            py::kw_only(), py::arg("max_norm"), py::arg("max_value"), py::arg("grad_scale"),
            py::arg("nonfinite"), py::arg("maximize"))
        .def("unflatten", &Stepper::unflatten, py::arg("leaves"))
        .def("layout", &Stepper::layout, py::arg("leaf"))
        .def("slots", &Stepper::slots, py::arg("leaf"))
        .def_property_readonly("rule", [](const Stepper& self) { return self.rule().name; })
        .def_property_readonly("paths", &Stepper::paths)
        .def("snapshot", &Stepper::snapshot)
        .def("restore", &Stepper::restore, py::arg("step_count"), py::arg("carry"),
             py::arg("slots"))
        .def_readonly("step_count", &Stepper::step_count)
        .def_readonly("carry", &Stepper::carry)
        .def_property_readonly("report", [](const Stepper& self) -> py::object {
            if (!self.report) return py::none();
            const StepReport& r = *self.report;
            return py::make_tuple(r.step, r.learning_rate, r.grad_norm, r.clip_factor, r.skipped,
                                  r.nonfinite);
        });
}

}  // namespace schuss

// What schuss.torch drives.
#include <pybind11/stl.h>

#include "bindings/register.hpp"
#include "bindings/torch_stepper.hpp"

namespace schuss {

void register_torch(py::module_& m) {
    m.def(
        "drop_gradients",
        [](const py::list& tensors) {
            for (const py::handle tensor : tensors) tensor.attr("grad") = py::none();
        },
        py::arg("tensors"));
    py::class_<TorchStepper>(m, "TorchStepper")
        .def(py::init<py::module_, py::object>(), py::arg("torch"), py::arg("increment"))
        .def(
            "set_options",
            [](TorchStepper& self, double max_norm, double max_value, const std::string& nonfinite,
               std::optional<double> keep, bool master, double agc, double agc_epsilon) {
                Options options;
                options.max_norm = max_norm;
                options.max_value = max_value;
                options.nonfinite = nonfinite_from(nonfinite);
                options.agc_axis = 0;
                self.set_options(options, keep, master, agc, agc_epsilon);
            },
            py::kw_only(), py::arg("max_norm"), py::arg("max_value"), py::arg("nonfinite"),
            py::arg("keep"), py::arg("master"), py::arg("agc"), py::arg("agc_epsilon"))
        .def("step", &TorchStepper::step, py::arg("groups"), py::arg("state"), py::arg("settings"),
             py::arg("touched"), py::arg("threads"))
        .def("check", &TorchStepper::check, py::arg("groups"))
        .def("bind", &TorchStepper::bind, py::arg("groups"), py::arg("state"), py::arg("settings"),
             py::arg("counted"), py::arg("carry"), py::arg("begun"))
        .def_property_readonly("report", &TorchStepper::report);
}

}  // namespace schuss

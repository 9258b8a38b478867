// What schuss.torch drives.
#include <pybind11/stl.h>

#include <cstring>

#include "bindings/arrays.hpp"
#include "bindings/register.hpp"
#include "bindings/torch_stepper.hpp"

namespace schuss {
namespace {

// Calls each(view, dtype) for every tensor of a vector of this dtype, with a view of nothing for
// None; false, before any call, where one is no plain tensor that the vector can be copied from or
// written to.
template <class Each>
bool walk(TensorReader& reader, const py::list& tensors, const py::array& vector, bool written,
          const Each& each) {
    const DType dtype = dtype_of(vector);
    const auto fits = [&](const TensorView& view, PyObject* o) {
        const int type = static_cast<int>(view.type);
        return !reader.is_lazy(o, view.complex) &&
               (!written || type == dtype || (dtype == kFloat32 && kBytes[type] == 2));
    };
    TensorView view;
    for (const py::handle tensor : tensors)
        if (!tensor.is_none() && !(reader.read(tensor.ptr(), view) && fits(view, tensor.ptr())))
            return false;
    for (const py::handle tensor : tensors) {
        View as;
        if (!tensor.is_none()) {
            reader.read(tensor.ptr(), view);
            as = view.view();
        }
        each(as, dtype);
    }
    return true;
}

// The vector's elements go to tensors, one after the other.
bool write_tensors(TensorReader& reader, const py::list& tensors, const py::array& vector) {
    const auto* from = static_cast<const char*>(vector.data());
    return walk(reader, tensors, vector, true, [&](View& to, DType dtype) {
        collapse(to);
        scatter(to, 0, to.count(), dtype, from);
        from += to.count() * kBytes[dtype];
    });
}

// Tensors' elements go to the vector; where there is None, so many zeros as `counts` says.
bool read_tensors(TensorReader& reader, const py::list& tensors, py::array vector,
                  const std::vector<std::int64_t>& counts) {
    auto* to = static_cast<char*>(vector.mutable_data());
    auto count = counts.begin();
    return walk(reader, tensors, vector, false, [&](View& from, DType dtype) {
        if (from.data) {
            collapse(from);
            gather(from, 0, *count, dtype, to);
        } else {
            std::memset(to, 0, static_cast<std::size_t>(*count * kBytes[dtype]));
        }
        to += *count++ * kBytes[dtype];
    });
}

}  // namespace

void register_torch(py::module_& m) {
    m.def(
        "drop_gradients",
        [](const py::list& tensors) {
            for (const py::handle tensor : tensors) tensor.attr("grad") = py::none();
        },
        py::arg("tensors"));
    py::class_<TensorReader>(m, "TensorReader")
        .def(py::init<py::module_>(), py::arg("torch"))
        .def("write", write_tensors, py::arg("tensors"), py::arg("vector"))
        .def("read", read_tensors, py::arg("tensors"), py::arg("vector"), py::arg("counts"));
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
        .def("step", &TorchStepper::step, py::arg("groups"), py::arg("owner"), py::arg("settings"),
             py::arg("touched"), py::arg("threads"))
        .def("check", &TorchStepper::check, py::arg("groups"))
        .def("bind", &TorchStepper::bind, py::arg("groups"), py::arg("state"), py::arg("settings"),
             py::arg("counted"), py::arg("carry"), py::arg("begun"))
        .def_property_readonly("report", &TorchStepper::report);
}

}  // namespace schuss

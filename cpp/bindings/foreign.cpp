#include "bindings/foreign.hpp"

#include <pybind11/numpy.h>

#include "bindings/arrays.hpp"
#include "bindings/structure.hpp"

namespace schuss {
namespace {

// PyTorch, if it is there and o one of its tensors; else None.
py::object torch_of(const py::object& o) {
    const py::object torch = py::module_::import("sys").attr("modules").attr("get")("torch");
    return !torch.is_none() && py::isinstance(o, torch.attr("Tensor")) ? torch : py::none();
}

py::object tensor_view(const py::object& tensor, const py::object& torch, bool written) {
    py::object plain = tensor.attr("detach")();
    if (!written) plain = plain.attr("resolve_neg")();
    if (!py::object(plain.attr("dtype")).is(torch.attr("bfloat16"))) return plain.attr("numpy")();
    const py::object bfloat16 = py::module_::import("ml_dtypes").attr("bfloat16");
    return plain.attr("view")(torch.attr("int16")).attr("numpy")().attr("view")(bfloat16);
}

}  // namespace

bool is_foreign(PyObject* o) {
    return !is_array(o) && py::hasattr(reinterpret_cast<PyObject*>(Py_TYPE(o)), "__dlpack__");
}

py::object foreign_view(const py::object& foreign, const std::string& label, bool written) {
    const py::object torch = torch_of(foreign);
    const py::module_ numpy = py::module_::import("numpy");
    const std::string is = label + " is of type " + Py_TYPE(foreign.ptr())->tp_name;
    try {
        if (!torch.is_none()) return tensor_view(foreign, torch, written);
        // With dtypes that DLPack or NumPy's part of it does not know, but perhaps a copy.
        if (!written && py::hasattr(foreign, "__array__")) return numpy.attr("asarray")(foreign);
        const py::object view = numpy.attr("from_dlpack")(foreign);
        if (!written || py::cast<bool>(view.attr("flags").attr("writeable"))) return view;
    } catch (const py::error_already_set& error) {
        if (!error.matches(PyExc_Exception)) throw;
        if (!written || !torch.is_none())
            throw py::type_error(
                is + ", which NumPy cannot read: " + py::cast<std::string>(py::str(error.value())) +
                "; an array or tensor in the memory of the CPU is wanted");
    }
    throw py::type_error(
        is +
        ", which cannot be written in place; a NumPy array is wanted: pass a copy, "
        "np.array(x), and put its values back afterwards");
}

bool view_foreign(std::vector<py::object>& leaves, const char* name,
                  const std::vector<std::string>& paths, std::vector<py::object>* written) {
    bool any = false;
    for (std::size_t k = 0; k < leaves.size(); ++k) {
        const bool foreign = is_foreign(leaves[k].ptr());
        if (written) written->push_back(foreign ? leaves[k] : py::none());
        if (foreign) leaves[k] = foreign_view(leaves[k], label(name, paths[k]), written != nullptr);
        any |= foreign;
    }
    return any;
}

void mark_written(const py::object& owner) {
    const py::object torch = torch_of(owner);
    if (!torch.is_none()) torch.attr("autograd").attr("graph").attr("increment_version")(owner);
}

}  // namespace schuss

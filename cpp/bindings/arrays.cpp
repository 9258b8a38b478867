#include "bindings/arrays.hpp"

#include <pybind11/stl.h>

#include <bit>
#include <optional>

#include "bindings/foreign.hpp"

namespace schuss {
namespace {

using Flags = py::detail::npy_api::constants;

py::dtype descr_of(PyObject* array) {
    return py::reinterpret_borrow<py::dtype>(fields(array)->descr);
}

std::string dtype_text(PyObject* array) { return py::cast<std::string>(py::str(descr_of(array))); }

bool native(PyObject* array) {
    const py::dtype dtype = descr_of(array);
    constexpr char kOther = std::endian::native == std::endian::little ? '>' : '<';
    return dtype.byteorder() != kOther;
}

std::optional<Element> element_of(PyObject* array) {
    constexpr char kKinds[] = "ffVffiiiiuuuu";  // NumPy's, of each element
    static_assert(sizeof kKinds == kElements + 1);
    const py::dtype dtype = descr_of(array);
    const char kind = dtype.kind();
    // bfloat16 is that of ml_dtypes, which need not be there.
    if (kind == 'V' && py::cast<std::string>(dtype.attr("name")) != "bfloat16") return std::nullopt;
    for (int k = 0; k < kElements; ++k)
        if (kind == kKinds[k] && dtype.itemsize() == kBytes[k]) return static_cast<Element>(k);
    return std::nullopt;
}

void check_array(PyObject* o, const std::string& label) {
    if (!is_array(o))
        throw py::type_error(label + " is of type " + Py_TYPE(o)->tp_name +
                             "; a NumPy array is wanted");
    const bool plain =
        Py_TYPE(o) == reinterpret_cast<PyTypeObject*>(py::detail::npy_api::get().PyArray_Type_);
    if (!plain && py::isinstance(o, py::module_::import("numpy.ma").attr("MaskedArray")))
        throw py::type_error(label + " is a masked array; a plain one is wanted");
    if (!native(o))
        throw py::value_error(
            label + " has dtype " + dtype_text(o) +
            "; this machine's byte order, array.astype(array.dtype.newbyteorder('=')), is wanted");
}

// Objects that are real numbers, as of fractions, decimal or sympy, in float64; as they are where
// one of them is none.
py::object real_numbers(const py::object& objects) {
    const py::list items = objects.attr("ravel")().attr("tolist")();
    py::array_t<double> numbers(static_cast<py::ssize_t>(items.size()));
    for (std::size_t k = 0; k < items.size(); ++k) {
        PyObject* item = items[k].ptr();
        if (!PyNumber_Check(item) || PyComplex_Check(item) || PyBool_Check(item)) return objects;
        const double number = PyFloat_AsDouble(item);
        if (number == -1.0 && PyErr_Occurred()) {
            PyErr_Clear();
            return objects;
        }
        numbers.mutable_at(static_cast<py::ssize_t>(k)) = number;
    }
    return numbers.attr("reshape")(objects.attr("shape"));
}

}  // namespace

bool is_array(PyObject* o) { return py::detail::npy_api::get().PyArray_Check_(o); }

py::dtype numpy_dtype(DType dtype) {
    return dtype == kFloat32 ? py::dtype::of<float>() : py::dtype::of<double>();
}

const char* storage_name(Element storage) { return kStorageNames[static_cast<int>(storage)]; }

Element storage_named(const std::string& name) {
    for (int k = 0; k < kStorages; ++k)
        if (name == storage_name(static_cast<Element>(k))) return static_cast<Element>(k);
    throw py::type_error("dtype is '" + name +
                         "'; float32, float64, bfloat16 or float16 is wanted");
}

py::object native_array(const py::object& given, const std::string& label) {
    py::object array = given;
    if (is_foreign(array.ptr()))
        array = foreign_view(array, label, false);
    else if (!is_array(array.ptr()))
        array = py::module_::import("numpy").attr("asarray")(array);
    if (descr_of(array.ptr()).kind() == 'O') return real_numbers(array);
    if (native(array.ptr())) return array;
    // By its name, which gives the one dtype object that there is of it.
    return array.attr("astype")(array.attr("dtype").attr("newbyteorder")("=").attr("name"));
}

Element check_param(PyObject* o, const std::string& label) {
    check_array(o, label);
    const auto type = element_of(o);
    if (!type || static_cast<int>(*type) >= kStorages)
        throw py::type_error(label + " has dtype " + dtype_text(o) +
                             "; float32, float64, bfloat16 or float16 is wanted");
    if (!(fields(o)->flags & Flags::NPY_ARRAY_WRITEABLE_))
        throw py::value_error(label + " is read-only; a writeable array is wanted");
    const View view = view_of(o, *type);
    if (layout_of(view, memory_order(view)) == Layout::kOverlaps)
        throw py::value_error(label +
                              " overlaps itself (a broadcast or folded view); an array with an "
                              "element of its own at each index is wanted");
    return *type;
}

Element check_grad(PyObject* o, const std::string& label) {
    check_array(o, label);
    const auto type = element_of(o);
    if (!type && fields(o)->nd == 0 && descr_of(o).kind() == 'O') {
        const auto item = py::handle(o).attr("item")();
        throw py::type_error(label + " is of type " + Py_TYPE(item.ptr())->tp_name +
                             "; an array of real numbers is wanted");
    }
    if (!type)
        throw py::type_error(label + " has dtype " + dtype_text(o) + "; a real dtype is wanted");
    return *type;
}

std::vector<std::int64_t> shape_of(PyObject* array) {
    const auto* f = fields(array);
    return {f->dimensions, f->dimensions + f->nd};
}

std::string text_of(const std::vector<std::int64_t>& shape) {
    return py::cast<std::string>(py::str(py::tuple(py::cast(shape))));
}

void refuse_shape(PyObject* array, const std::string& label, const std::string& wanted) {
    throw py::value_error(label + " has shape " + text_of(shape_of(array)) + "; " + wanted);
}

View view_of(PyObject* array, Element type) {
    const auto* f = fields(array);
    return {
        f->data, type, {f->dimensions, f->dimensions + f->nd}, {f->strides, f->strides + f->nd}};
}

Extent extent(PyObject* array) {
    const auto* f = fields(array);
    Extent e{f->data, f->data};
    for (int a = 0; a < f->nd; ++a) {
        if (f->dimensions[a] == 0) return {f->data, f->data};
        const py::ssize_t reach = (f->dimensions[a] - 1) * f->strides[a];
        (reach < 0 ? e.low : e.high) += reach;
    }
    e.high += descr_of(array).itemsize();
    return e;
}

bool share_memory(PyObject* a, PyObject* b) {
    // As plain arrays: a subclass may have an answer of its own.
    const py::module_ numpy = py::module_::import("numpy");
    const py::object plain = numpy.attr("asarray");
    return py::cast<bool>(numpy.attr("shares_memory")(plain(py::handle(a)), plain(py::handle(b))));
}

ArrayFingerprint::ArrayFingerprint(PyObject* array, bool writeable)
    : data(fields(array)->data),
      type_(py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(Py_TYPE(array)))),
      descr_(py::reinterpret_borrow<py::object>(fields(array)->descr)),
      writeable_(writeable ? Flags::NPY_ARRAY_WRITEABLE_ : 0),
      nd_(fields(array)->nd) {
    const auto* f = fields(array);
    shape_and_strides_.assign(f->dimensions, f->dimensions + nd_);
    shape_and_strides_.insert(shape_and_strides_.end(), f->strides, f->strides + nd_);
}

bool ArrayFingerprint::matches(PyObject* o) const {
    if (reinterpret_cast<PyObject*>(Py_TYPE(o)) != type_.ptr()) return false;
    const auto* f = fields(o);
    if (f->descr != descr_.ptr() || f->nd != nd_ || (f->flags & writeable_) != writeable_)
        return false;
    const py::ssize_t* known = shape_and_strides_.data();
    for (int a = 0; a < nd_; ++a)
        if (f->dimensions[a] != known[a] || f->strides[a] != known[nd_ + a]) return false;
    return true;
}

}  // namespace schuss

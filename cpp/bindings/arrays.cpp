#include "bindings/arrays.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <optional>

#include "bindings/foreign.hpp"

namespace schuss {
namespace {

using Flags = py::detail::npy_api::constants;

py::dtype dtype_of(PyObject* array) {
    return py::reinterpret_borrow<py::dtype>(fields(array)->descr);
}

std::string dtype_text(PyObject* array) { return py::cast<std::string>(py::str(dtype_of(array))); }

bool native(PyObject* array) {
    const py::dtype dtype = dtype_of(array);
    constexpr char kOther = std::endian::native == std::endian::little ? '>' : '<';
    return dtype.byteorder() != kOther;
}

std::optional<Element> element_of(PyObject* array) {
    const py::dtype dtype = dtype_of(array);
    const auto size = dtype.itemsize();
    switch (dtype.kind()) {
        case 'f':
            if (size == 2) return Element::kFloat16;
            if (size == 4) return Element::kFloat32;
            if (size == 8) return Element::kFloat64;
            if (size == sizeof(long double)) return Element::kLongDouble;
            break;
        case 'i':
            if (size == 1) return Element::kInt8;
            if (size == 2) return Element::kInt16;
            if (size == 4) return Element::kInt32;
            if (size == 8) return Element::kInt64;
            break;
        case 'u':
            if (size == 1) return Element::kUInt8;
            if (size == 2) return Element::kUInt16;
            if (size == 4) return Element::kUInt32;
            if (size == 8) return Element::kUInt64;
            break;
        case 'V':  // of ml_dtypes, which need not be there
            if (size == 2 && py::cast<std::string>(dtype.attr("name")) == "bfloat16")
                return Element::kBFloat16;
            break;
    }
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

// Whether two indices may reach the same element: true for broadcast axes, and for strides that
// fold back on themselves.
bool overlaps_itself(PyObject* array) {
    const auto* f = fields(array);
    if (std::find(f->dimensions, f->dimensions + f->nd, 0) != f->dimensions + f->nd) return false;
    const std::vector<int> axes = memory_order(array);
    py::ssize_t span = dtype_of(array).itemsize();  // bytes that the faster axes cover
    for (auto a = axes.rbegin(); a != axes.rend(); ++a) {
        if (f->dimensions[*a] == 1) continue;
        const py::ssize_t stride = std::abs(f->strides[*a]);
        if (stride < span) return true;
        span += (f->dimensions[*a] - 1) * stride;
    }
    return false;
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
    if (dtype_of(array.ptr()).kind() == 'O') return real_numbers(array);
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
    if (overlaps_itself(o))
        throw py::value_error(label +
                              " overlaps itself (a broadcast or folded view); an array with an "
                              "element of its own at each index is wanted");
    return *type;
}

Element check_grad(PyObject* o, const std::string& label) {
    check_array(o, label);
    const auto type = element_of(o);
    if (!type && fields(o)->nd == 0 && dtype_of(o).kind() == 'O') {
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

View view_of(PyObject* array, Element type) {
    const auto* f = fields(array);
    return {
        f->data, type, {f->dimensions, f->dimensions + f->nd}, {f->strides, f->strides + f->nd}};
}

std::vector<int> memory_order(PyObject* array) {
    const auto* f = fields(array);
    std::vector<int> axes(static_cast<std::size_t>(f->nd));
    std::iota(axes.begin(), axes.end(), 0);
    std::stable_sort(axes.begin(), axes.end(), [f](int a, int b) {
        return std::abs(f->strides[a]) > std::abs(f->strides[b]);
    });
    return axes;
}

Extent extent(PyObject* array) {
    const auto* f = fields(array);
    Extent e{f->data, f->data};
    for (int a = 0; a < f->nd; ++a) {
        if (f->dimensions[a] == 0) return {f->data, f->data};
        const py::ssize_t reach = (f->dimensions[a] - 1) * f->strides[a];
        (reach < 0 ? e.low : e.high) += reach;
    }
    e.high += dtype_of(array).itemsize();
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

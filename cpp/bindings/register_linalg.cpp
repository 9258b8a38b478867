// Dense factorization and systems: what comes is checked here, so that a small system costs a
// microsecond and not three.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bindings/arrays.hpp"
#include "bindings/register.hpp"
#include "linalg/systems.hpp"

namespace schuss {
namespace {

using Shape = std::vector<std::int64_t>;

// Whatever makes an array of ours, in this machine's byte order; integers become float64.
py::array array_of(const py::object& given, const char* name) {
    static const auto* const wide = py::dtype::of<double>().release().ptr();
    static const auto* const narrow = py::dtype::of<float>().release().ptr();
    auto a = py::reinterpret_borrow<py::array>(given);
    if (is_array(given.ptr())) {
        const auto* const type = fields(given.ptr())->descr;
        if (type == wide || type == narrow) return a;
    }
    a = native_array(given, name);
    const auto* const type = fields(a.ptr())->descr;
    if (type == wide || type == narrow) return a;
    const char kind = a.dtype().kind();
    // Equal dtypes may be different objects, as after `newbyteorder` and in pickles.
    if (kind == 'f' && (a.itemsize() == 4 || a.itemsize() == 8)) return a;
    if (kind == 'b' || kind == 'i' || kind == 'u') return py::array_t<double>::ensure(a);
    throw py::type_error(std::string(name) + " has dtype " + std::string(py::str(a.dtype())) +
                         "; float32 or float64 is wanted");
}

py::array matrices(const py::object& given) {
    py::array a = array_of(given, "A");
    const py::ssize_t d = a.ndim();
    if (d < 2 || a.shape(d - 1) != a.shape(d - 2))
        refuse_shape(a.ptr(), "A", "(n, n) or (..., n, n) is wanted");
    return a;
}

void check_overwrite(const py::object& given, const py::array& array, const py::dtype& type,
                     const char* name) {
    if (given.is(array) && array.writeable() && array.dtype().equal(type)) return;
    throw py::value_error(std::string(name) + " cannot be overwritten; a writable array of " +
                          std::string(py::str(type)) + " is wanted");
}

// The last axes from `first` on as rows and columns; all axes before them as one, `next` bytes on.
// A copy where memory has no such order.
struct Stack {
    py::array array;  // what is read or written
    Strided at;
    std::int64_t next = 0, count = 1;
};
Stack stack(py::array array, py::ssize_t core) {
    Stack result;
    const py::ssize_t leading = array.ndim() - core;
    if (leading > 1) {
        py::list shape;
        shape.append(-1);
        for (py::ssize_t k = leading; k < array.ndim(); ++k) shape.append(array.shape(k));
        if (array.size() > 0) array = array.attr("reshape")(py::tuple(shape));
    }
    const bool many = array.ndim() > core;
    const py::ssize_t axis = array.ndim() - core;
    result.at = {const_cast<char*>(static_cast<const char*>(array.data())), array.strides(axis),
                 core == 2 ? array.strides(axis + 1) : 0};
    if (many) {
        result.next = array.strides(0);
        result.count = array.shape(0);
    }
    result.array = std::move(array);
    return result;
}

py::array new_array(const py::array& like, const py::dtype& type) {
    return {type, py::array::ShapeContainer(like.shape(), like.shape() + like.ndim())};
}

void solve(const py::array& a, LaneWork work, const Stack& from) {
    work.n = a.shape(a.ndim() - 1);
    work.a = from.at;
    work.a_next = from.next;
    if (a.size() == 0) return;
    std::vector<std::int64_t> failed(static_cast<std::size_t>(from.count), -1);
    {
        const py::gil_scoped_release released;
        solve_systems(dtype_of(a), work, from.count, failed.data());
    }
    for (std::size_t k = 0; k < failed.size(); ++k) {
        if (failed[k] < 0) continue;
        std::string of;
        if (a.ndim() > 2) {
            Shape place(static_cast<std::size_t>(a.ndim() - 2));
            auto rest = static_cast<py::ssize_t>(k);
            for (std::size_t axis = place.size(); axis-- > 0;) {
                const py::ssize_t size = a.shape(static_cast<py::ssize_t>(axis));
                place[axis] = rest % size;
                rest /= size;
            }
            of = " of matrix " + (place.size() == 1 ? std::to_string(place[0]) : text_of(place));
        }
        const std::string message = "A is not positive definite: the leading minor of order " +
                                    std::to_string(failed[k] + 1) + of + " is not positive";
        const auto error = py::module_::import("numpy.linalg").attr("LinAlgError");
        PyErr_SetString(error.ptr(), message.c_str());
        throw py::error_already_set();
    }
}

py::array cholesky(const py::object& given, bool overwrite) {
    const py::array a = matrices(given);
    if (overwrite) check_overwrite(given, a, a.dtype(), "A");
    // One matrix is read whole before anything is written; of a batch a later one may fail.
    const bool in_place = overwrite && a.ndim() == 2;
    const py::array result = in_place ? a : new_array(a, a.dtype());
    const Stack from = stack(a, 2), to = stack(result, 2);
    LaneWork work{};
    work.l = to.at;
    work.l_next = to.next;
    solve(a, work, from);
    if (!overwrite || in_place) return result;
    a.attr("__setitem__")(py::ellipsis(), result);
    return a;
}

py::array solve_spd(const py::object& a_given, const py::object& b_given, bool overwrite) {
    py::array a = matrices(a_given);
    const py::array b = array_of(b_given, "b");
    // The wider of the two, as NumPy; a b that is overwritten keeps its own, and A comes to it.
    if (b.itemsize() > a.itemsize()) a = py::array_t<double>::ensure(a);
    const py::ssize_t leading = a.ndim() - 1;
    const bool one = b.ndim() == leading;
    if ((!one && b.ndim() != a.ndim()) || !std::equal(a.shape(), a.shape() + leading, b.shape()))
        throw py::value_error("b has shape " + text_of(shape_of(b.ptr())) + " beside A's " +
                              text_of(shape_of(a.ptr())) +
                              "; A's without its last axis, or with another last axis, is wanted");
    if (overwrite) check_overwrite(b_given, b, a.dtype(), "b");
    const bool in_place = overwrite && a.ndim() == 2;
    const py::array x = in_place ? b : new_array(b, a.dtype());
    const bool same = fields(b.ptr())->descr == fields(a.ptr())->descr;
    if (!same && py::detail::npy_api::get().PyArray_CopyInto_(x.ptr(), b.ptr()))
        throw py::error_already_set();
    const py::ssize_t core = one ? 1 : 2;
    const Stack from = stack(a, 2), right = stack(same ? b : x, core), to = stack(x, core);
    LaneWork work{};
    work.b = right.at;
    work.b_next = right.next;
    work.x = to.at;
    work.x_next = to.next;
    work.b_columns = one ? 1 : x.shape(x.ndim() - 1);
    solve(a, work, from);
    if (!overwrite || in_place) return x;
    b.attr("__setitem__")(py::ellipsis(), x);
    return b;
}

}  // namespace

void register_linalg(py::module_& m) {
    m.def("cholesky", cholesky, py::arg("A"), py::arg("overwrite"));
    m.def("solve_spd", solve_spd, py::arg("A"), py::arg("b"), py::arg("overwrite"));
}

}  // namespace schuss

// NumPy arrays, checked and described for the runtime. Errors name the argument, what came and what
// is wanted.
#pragma once
#include <pybind11/numpy.h>

#include <string>
#include <vector>

#include "bindings/extents.hpp"
#include "runtime/strided.hpp"

namespace schuss {

namespace py = pybind11;

inline py::detail::PyArray_Proxy* fields(PyObject* array) { return py::detail::array_proxy(array); }

bool is_array(PyObject* o);
py::dtype numpy_dtype(DType dtype);
inline DType dtype_of(const py::array& a) { return a.itemsize() == 4 ? kFloat32 : kFloat64; }
const char* storage_name(Element storage);  // of those that models are stored in
Element storage_named(const std::string& name);

// What NumPy makes an array of, in this machine's byte order, and real numbers as float64 where
// they are objects; NumPy's error where it cannot. The label is for what is foreign.
py::object native_array(const py::object& given, const std::string& label);

// Throws TypeError or ValueError unless o is an array that a step can update / read.
Element check_param(PyObject* o, const std::string& label);
Element check_grad(PyObject* o, const std::string& label);

std::vector<std::int64_t> shape_of(PyObject* array);
std::string text_of(const std::vector<std::int64_t>& shape);
// Throws ValueError: what has which shape, and what is wanted.
[[noreturn]] void refuse_shape(PyObject* array, const std::string& label,
                               const std::string& wanted);

View view_of(PyObject* array, Element type);  // in the order of its axes
Extent extent(PyObject* array);

bool share_memory(PyObject* a, PyObject* b);  // exact

// What a step must find unchanged in an array to use what it knows of it: all but the address.
class ArrayFingerprint {
  public:
    ArrayFingerprint() = default;
    ArrayFingerprint(PyObject* array, bool writeable);
    bool matches(PyObject* o) const;
    char* data = nullptr;

  private:
    py::object type_, descr_;
    int writeable_ = 0;
    int nd_ = 0;
    std::vector<py::ssize_t> shape_and_strides_;
};

}  // namespace schuss

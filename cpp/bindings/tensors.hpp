// PyTorch's tensors, read through the table of C functions that torch.Tensor carries (DLPack's
// exchange API), in tens of nanoseconds each. No header and no symbol of PyTorch's is needed.
#pragma once
#include <pybind11/pybind11.h>

#include <cstdint>
#include <vector>

#include "bindings/extents.hpp"
#include "runtime/strided.hpp"

namespace schuss {

namespace py = pybind11;

// A dense tensor in this machine's memory, as of now: shape and strides are torch's own memory.
struct TensorView {
    char* data = nullptr;
    Element type = Element::kFloat32;  // of a complex tensor, of its parts
    bool complex = false;
    int axes = 0;
    const std::int64_t *shape = nullptr, *strides = nullptr;  // in elements

    View view() const;  // a complex tensor has one axis more: its parts
    Extent extent() const;
};

// All but the address.
class TensorFingerprint {
  public:
    TensorFingerprint() = default;
    explicit TensorFingerprint(const TensorView& view);
    bool matches(const TensorView& view) const;

  private:
    Element type_ = Element::kCount;
    bool complex_ = false;
    std::vector<std::int64_t> shape_and_strides_;
};

class TensorReader {
  public:
    explicit TensorReader(const py::module_& torch);

    // Whether it is a torch.Tensor or a Parameter, and not of a class of their users'.
    bool is_tensor(PyObject* o) const;

    // False for anything but a plain tensor of floating-point or complex numbers on the CPU. What
    // `to` points to holds until the tensor changes, or until the next call.
    bool read(PyObject* o, TensorView& to);

    // Of what is_tensor: its gradient, or None; how often it was written; whether its numbers are
    // minus those in memory, or their conjugates.
    py::object grad(PyObject* o) const;
    std::int64_t version(PyObject* o) const;
    bool is_lazy(PyObject* o, bool complex) const;

  private:
    bool read_attributes(PyObject* o, TensorView& to);

    py::object tensor_, parameter_, strided_, cpu_;
    py::object grad_, version_, is_neg_, is_conj_;  // descriptors, whose C functions are called
    py::dict types_;  // torch's dtypes to the numbers of elements, complex ones negative
    void* table_ = nullptr;
    std::vector<std::int64_t> shape_and_strides_;
};

}  // namespace schuss

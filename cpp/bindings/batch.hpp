// A batch of solvers as Python drives it: a row of an array for each problem.
#pragma once
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <atomic>
#include <string>

#include "solvers/batch.hpp"

namespace schuss {

namespace py = pybind11;

class Batch {
  public:
    // starts: count x n, C-contiguous, float32 or float64.
    Batch(const std::string& method, const py::array& starts, const py::dict& options);

    py::array running() const;  // indices of those that are not done
    py::array points() const;   // a row for each of them
    // values: as many float64; gradients: like points(); hessians: float64, or None.
    void tell(const py::array& values, const py::array& gradients, const py::object& hessians);
    py::dict results() const;

  private:
    py::dtype dtype_;
    std::int64_t n_;
    SolverBatch solvers_;
    mutable std::atomic<bool> busy_{false};
};

}  // namespace schuss

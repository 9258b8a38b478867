// The list of methods as Python sees it, and solvers from options in a dict.
#pragma once
#include <pybind11/pybind11.h>

#include <memory>
#include <string>
#include <vector>

#include "solvers/registry.hpp"

namespace schuss {

namespace py = pybind11;

// What a solver may ask for, as Python names it; nullptr for nothing.
const char* name_of(Request request);

// {method: {"aliases", "needs", "options": {option: {"kind", "default", "least", "most",
// "choices"}}}}
py::dict methods_for_python();

// The option `bounds`, a pair of float64 arrays of one number, of n, or of rows of n: one for
// all, or one for each row; empty where there is none.
std::vector<std::shared_ptr<const Bounds>> bounds_in(const py::dict& options, DType dtype,
                                                     std::int64_t n);

// Makes solvers of a method, of which Python has checked the options; those that are missing are
// as usual.
SolverBatch::Make maker(const std::string& method, std::int64_t n, DType dtype,
                        const py::dict& options);

}  // namespace schuss

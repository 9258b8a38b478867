#pragma once
#include <pybind11/pybind11.h>

#include <optional>
#include <string>

#include "optim/optimizer.hpp"

namespace schuss {

Nonfinite nonfinite_from(const std::string& name);
pybind11::object for_python(const std::optional<StepReport>& report);

void register_fits(pybind11::module_& m);
void register_linalg(pybind11::module_& m);
void register_runtime(pybind11::module_& m);
void register_solvers(pybind11::module_& m);
void register_stepper(pybind11::module_& m);
void register_torch(pybind11::module_& m);

}  // namespace schuss

// Which kernel tables run. One choice for the process, made at import: the best that the CPU has,
// or what SCHUSS_ISA names.
#pragma once
#include <string>
#include <vector>

#include "dense/table.hpp"
#include "kernels/table.hpp"
#include "models/table.hpp"

namespace schuss {

std::vector<std::string> available_isas();  // best first
std::string active_isa();
const KernelTable& kernels();  // of the active ISA
const DenseTable& dense();
const ModelTable& lane_models();

// Both throw std::invalid_argument for a name that is unknown or that this CPU lacks.
void use_isa(const std::string& name);
void choose_isa();

}  // namespace schuss

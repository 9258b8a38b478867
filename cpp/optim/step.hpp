// What a step does to the tensors of a plan: one parallel region to update all of them, and one
// before it for a rule with sums.
#pragma once
#include <span>

#include "optim/plan.hpp"

namespace schuss {

// Threads that so many elements have work for.
int useful_threads(std::int64_t elements);

void update(const Rule& rule, const Plan& plan, const Row& row,
            std::span<const Coefficients> coefficients, int threads);

// The first pass of a rule with sums, n_sums for each piece of a tensor (see Plan::first_pieces).
void gather(const Rule& rule, const Plan& plan, const Row& row,
            std::span<const Coefficients> coefficients, double* sums, int threads);

// Finds the units whose gradients are to be clipped, and by how much.
void clip_units(Plan& plan, const Row& row, std::span<const Coefficients> coefficients,
                int threads);

}  // namespace schuss

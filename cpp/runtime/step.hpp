// One step over all tensors of a model: one parallel region to update and, where a norm is asked
// for, one before it that reads the gradients (and a second where squares leave the range of
// doubles).
#pragma once
#include <cstdint>
#include <vector>

#include "kernels/table.hpp"
#include "runtime/strided.hpp"

namespace schuss {

// An array as the update walks it. direct: contiguous and in the compute dtype, so that kernels
// work in place.
struct Operand {
    View view;
    bool direct = false;
};

struct Tensor {
    DType dtype = kFloat32;
    std::int64_t count = 0;
    int group = 0;
    Operand param, grad;   // in walk order: the parameter's own order in memory
    Operand ordered_grad;  // the same gradient in C order, which sums follow
    char* slots[kMaxSlots] = {};
};

// Parameters that share hyperparameters.
struct Group {
    double coefficients[kMaxCoefficients];
    Preparation preparation;
};

struct Plan {
    std::vector<Tensor> tensors;
    std::vector<std::int64_t> offsets;  // first element of each tensor among all, and the total

    std::int64_t total() const { return offsets.back(); }
};

// Threads that a step of this plan has work for.
int useful_threads(const Plan& plan);

void update(const Rule& rule, const Plan& plan, const std::vector<Group>& groups, int threads);

// The 2-norm of all gradients taken as one vector, blocks of kBlock elements across tensor borders,
// so that it does not depend on how the parameters are split. NaN or infinite when an element is.
double gradient_norm(const Plan& plan, int threads);

// Gradient elements of this tensor that are NaN or infinite once converted to the compute dtype.
std::int64_t count_nonfinite(const Tensor& tensor);

}  // namespace schuss

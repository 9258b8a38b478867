// One step over all tensors of a model: one parallel region to update and, where a norm is asked
// for, one before it that reads the gradients (and a second where squares leave the range of
// doubles).
#pragma once
#include <algorithm>
#include <cstdint>
#include <utility>
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
    bool frozen = false;   // keeps its bits, and its gradient counts as zeros
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
    std::vector<std::int64_t> offsets{0};  // first element of each tensor among all, and the total
    std::vector<std::int64_t> trained{0};  // the same, where frozen tensors have no elements
    DType narrowest = kFloat64;            // of the tensors that are trained

    void add(Tensor tensor) {
        offsets.push_back(offsets.back() + tensor.count);
        trained.push_back(trained.back() + (tensor.frozen ? 0 : tensor.count));
        if (!tensor.frozen) narrowest = std::min(narrowest, tensor.dtype);
        tensors.push_back(std::move(tensor));
    }
};

// Threads that a step of this plan has work for.
int useful_threads(const Plan& plan);

void update(const Rule& rule, const Plan& plan, const std::vector<Group>& groups, int threads);

// The 2-norm of all gradients taken as one vector, blocks of kBlock elements across tensor borders,
// so that it does not depend on how the parameters are split. NaN or infinite when an element is.
double gradient_norm(const Plan& plan, int threads);

// Gradient elements that no rule can use: NaN or infinite once converted to the compute dtype, or
// once prepared; or, for a rule that squares, once squared.
struct Unfit {
    std::int64_t count = 0;
    std::size_t first = 0;  // tensor
};
Unfit find_unfit(const Plan& plan, const Preparation& by, bool squares);

// Gradients whose norm, prepared, is at most this have no such element.
double surely_fit(const Plan& plan, bool squares);

}  // namespace schuss

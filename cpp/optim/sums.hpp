// Sums over the gradients of a whole model, in an order that depends on neither threads nor how it
// is split into tensors: a norm, and the search for elements that no rule can use.
#pragma once
#include <functional>
#include <optional>
#include <vector>

#include "optim/plan.hpp"

namespace schuss {

// The sums of (scale x)^2 over the gradients of all tensors taken as one vector, a number for each
// block of kBlock elements across tensor borders; resting tensors count as zeros.
std::vector<double> block_sums(const Plan& plan, double scale, int threads);

// The root of all sums(1); sums are asked for again with a power of two as the scale where squares
// leave the range of doubles. NaN or infinite when an element is.
double norm_of(const std::function<std::vector<double>(double)>& sums);

double gradient_norm(const Plan& plan, int threads);

// Gradient elements that no rule can use: NaN or infinite once converted to the compute dtype, or
// once prepared; or, for a rule that squares, once squared.
struct Unfit {
    std::int64_t count = 0;
    std::optional<std::size_t> first;  // tensor with one
};
Unfit find_unfit(const Plan& plan, const Policy& by, bool squares);

// Gradients whose norm, prepared, is at most this have no such element.
double surely_fit(const Plan& plan, bool squares);

}  // namespace schuss

// Gradient descent (Robbins & Monro 1951): p <- p - lr g.
#pragma once
#include "rules/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct Sgd {
    SCHUSS_HYPER(learning_rate)
    static constexpr char slots[] = "";
    enum { kLearningRate, kCoefficients };
    static void coefficients(const double* h, std::int64_t, double*, double* c) {
        c[kLearningRate] = h[By::learning_rate];
    }
    template <class V>
    SCHUSS_INLINE static V step(V g, const V* c) {
        return c[kLearningRate] * g;
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

// AdaDelta, Zeiler 2012, Algorithm 1: x = sqrt(u + eps) / sqrt(v + eps) g with the u of the step
// before.
#pragma once
#include "rules/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct AdaDelta {
    SCHUSS_HYPER(learning_rate, rho, epsilon)
    static constexpr char slots[] = "square_avg acc_delta";
    static constexpr bool squares = true;
    enum { kLearningRate, kRho, kTake, kEpsilon, kCoefficients };
    static void coefficients(const double* h, std::int64_t, double*, double* c) {
        c[kLearningRate] = h[By::learning_rate];
        c[kRho] = h[By::rho];
        c[kTake] = 1.0 - h[By::rho];
        c[kEpsilon] = h[By::epsilon];
    }
    template <class V>
    SCHUSS_INLINE static V step(V g, V& v, V& u, const V* c) {
        v = ema(v, g * g, c[kRho], c[kTake]);
        const V x = sqrt(u + c[kEpsilon]) / sqrt(v + c[kEpsilon]) * g;
        u = ema(u, x * x, c[kRho], c[kTake]);
        return c[kLearningRate] * x;
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

// Lion, Chen et al. 2023, Algorithm 2: the sign of an interpolation, sign(0) = 0. Its decay is
// beside the step.
#pragma once
#include "rules/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct Lion {
    SCHUSS_HYPER(learning_rate, beta1, beta2)
    static constexpr char slots[] = "exp_avg";
    enum { kLearningRate, kBeta1, kTake1, kBeta2, kTake2, kCoefficients };
    static void coefficients(const double* h, std::int64_t, double*, double* c) {
        c[kLearningRate] = h[By::learning_rate];
        c[kBeta1] = h[By::beta1];
        c[kTake1] = 1.0 - h[By::beta1];
        c[kBeta2] = h[By::beta2];
        c[kTake2] = 1.0 - h[By::beta2];
    }
    template <class V>
    SCHUSS_INLINE static V step(V g, V& m, const V* c) {
        const V direction = sign(ema(m, g, c[kBeta1], c[kTake1]));
        m = ema(m, g, c[kBeta2], c[kTake2]);
        return c[kLearningRate] * direction;
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

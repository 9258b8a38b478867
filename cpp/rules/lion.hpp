// Lion, Chen et al. 2023, Algorithm 2: the sign of an interpolation, sign(0) = 0, decay together
// with the step.
#pragma once
#include "rules/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct Lion {
    static constexpr char hyper[] = "learning_rate beta1 beta2 weight_decay";
    static constexpr char slots[] = "exp_avg";
    enum { kLearningRate, kBeta1, kTake1, kBeta2, kTake2, kDecay, kCoefficients };
    static void coefficients(const double* h, std::int64_t, double*, double* c) {
        c[kLearningRate] = h[0];
        c[kBeta1] = h[1];
        c[kTake1] = 1.0 - h[1];
        c[kBeta2] = h[2];
        c[kTake2] = 1.0 - h[2];
        c[kDecay] = h[0] * h[3];
    }
    template <class V>
    SCHUSS_INLINE static void update(V& p, V g, V& m, const V* c) {
        const V direction = sign(ema(m, g, c[kBeta1], c[kTake1]));
        p = p - (c[kDecay] * p + c[kLearningRate] * direction);
        m = ema(m, g, c[kBeta2], c[kTake2]);
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

// AdaBelief, Zhuang et al. 2020, Algorithm 2: the variance is of the gradient around its own average m, the new one.
// epsilon_root is added into the state at each step, as in the paper; it is 0 by default.
#pragma once
#include "rules/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct AdaBelief {
    static constexpr char hyper[] = "learning_rate beta1 beta2 epsilon epsilon_root";
    static constexpr char slots[] = "exp_avg exp_avg_var";
    enum {
        kBeta1, kTake1, kBeta2, kTake2, kStepSize, kInverseRoot2, kEpsilon, kEpsilonRoot, kCoefficients
    };
    static void coefficients(const double* h, std::int64_t t, double*, double* c) {
        c[kBeta1] = h[1];
        c[kTake1] = 1.0 - h[1];
        c[kBeta2] = h[2];
        c[kTake2] = 1.0 - h[2];
        c[kStepSize] = h[0] / bias_correction(h[1], t);
        c[kInverseRoot2] = inverse_sqrt(bias_correction(h[2], t));
        c[kEpsilon] = h[3];
        c[kEpsilonRoot] = h[4];
    }
    template <class V>
    SCHUSS_INLINE static void update(V& p, V g, V& m, V& s, const V* c) {
        m = ema(m, g, c[kBeta1], c[kTake1]);
        const V surprise = g - m;
        s = ema(s, surprise * surprise, c[kBeta2], c[kTake2]) + c[kEpsilonRoot];
        p = p - (c[kStepSize] * m) / (sqrt(s) * c[kInverseRoot2] + c[kEpsilon]);
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

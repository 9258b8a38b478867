// Adan, Xie et al. 2024, Algorithm 1, with betas as what is kept: averages of the gradient, of its
// change, and of the square of where it is going. The proximal decay (p - lr u) / (1 + lr wd) is
// p - rate (wd p + u) with rate = lr / (1 + lr wd).
#pragma once
#include "rules/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct Adan {
    SCHUSS_HYPER(learning_rate, beta1, beta2, beta3, epsilon, weight_decay, proximal)
    static constexpr char slots[] = "exp_avg exp_avg_sq exp_avg_diff previous_grad";
    static constexpr bool squares = true;
    enum {
        kBeta1,
        kTake1,
        kBeta2,
        kTake2,
        kAhead,
        kBeta3,
        kTake3,
        kStepSize,
        kChangeStep,
        kInverseRoot3,
        kEpsilon,
        kCoefficients
    };
    static double rate(const double* h) {
        const double shrink = h[By::learning_rate] * h[By::weight_decay];
        return h[By::proximal] != 0.0 ? h[By::learning_rate] / (1.0 + shrink)
                                      : h[By::learning_rate];
    }
    static double decay(const double* h) { return rate(h) * h[By::weight_decay]; }
    static void coefficients(const double* h, std::int64_t t, double*, double* c) {
        c[kBeta1] = h[By::beta1];
        c[kTake1] = 1.0 - h[By::beta1];
        c[kBeta2] = h[By::beta2];
        c[kTake2] = t == 1 ? 0.0 : 1.0 - h[By::beta2];  // no change before the second gradient
        c[kAhead] = t == 1 ? 0.0 : h[By::beta2];
        c[kBeta3] = h[By::beta3];
        c[kTake3] = 1.0 - h[By::beta3];
        c[kStepSize] = rate(h) / bias_correction(h[By::beta1], t);
        c[kChangeStep] = rate(h) * h[By::beta2] / bias_correction(h[By::beta2], t);
        c[kInverseRoot3] = inverse_sqrt(bias_correction(h[By::beta3], t));
        c[kEpsilon] = h[By::epsilon];
    }
    template <class V>
    SCHUSS_INLINE static V step(V g, V& m, V& n, V& d, V& previous, const V* c) {
        const V change = g - previous;
        m = ema(m, g, c[kBeta1], c[kTake1]);
        d = ema(d, change, c[kBeta2], c[kTake2]);
        const V ahead = g + c[kAhead] * change;
        n = ema(n, ahead * ahead, c[kBeta3], c[kTake3]);
        previous = g;
        return (c[kStepSize] * m + c[kChangeStep] * d) / (sqrt(n) * c[kInverseRoot3] + c[kEpsilon]);
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

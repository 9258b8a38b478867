// AdEMAMix, Pagliardini, Ablin & Grangier 2024: Adam with a second, slow average of the gradients.
// While they warm up alpha grows linearly, and beta3 so that 1 / log(beta3) is linear between that
// of beta1 and its own; step 1 is the first. The slow average is not corrected for its start at 0.
#pragma once
#include "rules/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct AdEMAMix : Moments {
    SCHUSS_HYPER(learning_rate, beta1, beta2, epsilon, beta3, alpha, beta3_warmup, alpha_warmup)
    static constexpr char slots[] = "exp_avg_fast exp_avg_sq exp_avg_slow";
    enum { kBeta3 = kOwn, kTake3, kSlowStep, kCoefficients };
    static double time(double beta) { return beta == 0.0 ? 0.0 : -1.0 / logarithm(beta); }
    static void coefficients(const double* h, std::int64_t t, double* carry, double* c) {
        Moments::coefficients(h, t, carry, c);
        const double step = static_cast<double>(t);
        c[kBeta3] = h[By::beta3];
        c[kTake3] = 1.0 - h[By::beta3];
        if (step < h[By::beta3_warmup]) {
            const double part = step / h[By::beta3_warmup];
            const double steps = (1.0 - part) * time(h[By::beta1]) + part * time(h[By::beta3]);
            c[kTake3] = steps > 0.0 ? -exponential_less_1(-1.0 / steps) : 1.0;
            c[kBeta3] = 1.0 - c[kTake3];
        }
        double alpha = h[By::alpha];
        if (step < h[By::alpha_warmup]) alpha = alpha * (step / h[By::alpha_warmup]);
        c[kSlowStep] = h[By::learning_rate] * alpha;
    }
    template <class V>
    SCHUSS_INLINE static V step(V g, V& m, V& v, V& slow, const V* c) {
        average(g, m, v, c);
        slow = ema(slow, g, c[kBeta3], c[kTake3]);
        return (c[kStepSize] * m + c[kSlowStep] * slow) / denominator(v, c);
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

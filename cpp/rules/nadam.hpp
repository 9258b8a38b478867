// NAdam, Dozat 2016, with the schedule of momenta mu_t = beta1 (1 - 0.96^(t psi) / 2), psi = momentum_decay.
// The product of all mu so far is the rule's scalar state.
#pragma once
#include "rules/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

// 0.96^x for x >= 0 without a libm: the whole part by squaring, the rest by the series of exp(r log 0.96), whose
// argument is under 0.041, so that ten terms reach the last bit.
SCHUSS_INLINE double power_096(double x) {
    if (x > 1e6) return 0.0;  // 0.96^1e6 underflows
    const auto whole = static_cast<std::int64_t>(x);
    const double z = (x - static_cast<double>(whole)) * -0.040821994520255129554577;
    double series = 1.0;
    for (int k = 10; k > 0; --k) series = 1.0 + z / k * series;
    return power(0.96, whole) * series;
}

struct NAdam {
    static constexpr char hyper[] = "learning_rate beta1 beta2 epsilon momentum_decay";
    static constexpr char slots[] = "exp_avg exp_avg_sq";
    static constexpr double carry[] = {1.0};
    enum {
        kBeta1, kTake1, kBeta2, kTake2, kGradStep, kMomentStep, kInverseRoot2, kEpsilon, kCoefficients
    };
    static void coefficients(const double* h, std::int64_t t, double* product, double* c) {
        const double mu = h[1] * (1.0 - 0.5 * power_096(static_cast<double>(t) * h[4]));
        const double mu_next = h[1] * (1.0 - 0.5 * power_096(static_cast<double>(t + 1) * h[4]));
        product[0] *= mu;
        c[kBeta1] = h[1];
        c[kTake1] = 1.0 - h[1];
        c[kBeta2] = h[2];
        c[kTake2] = 1.0 - h[2];
        c[kGradStep] = h[0] * (1.0 - mu) / (1.0 - product[0]);
        c[kMomentStep] = h[0] * mu_next / (1.0 - product[0] * mu_next);
        c[kInverseRoot2] = inverse_sqrt(bias_correction(h[2], t));
        c[kEpsilon] = h[3];
    }
    template <class V>
    SCHUSS_INLINE static void update(V& p, V g, V& m, V& v, const V* c) {
        m = ema(m, g, c[kBeta1], c[kTake1]);
        v = ema(v, g * g, c[kBeta2], c[kTake2]);
        p = p - (c[kGradStep] * g + c[kMomentStep] * m) / (sqrt(v) * c[kInverseRoot2] + c[kEpsilon]);
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

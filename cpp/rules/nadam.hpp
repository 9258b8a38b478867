// NAdam, Dozat 2016, with the schedule of momenta mu_t = beta1 (1 - 0.96^(t psi) / 2), psi =
// momentum_decay. The product of all mu so far is the rule's scalar state.
#pragma once
#include "rules/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

// 0.96^x for x >= 0 without a libm: the whole part by squaring, the rest by the series of exp(r log
// 0.96), whose argument is under 0.041, so that ten terms reach the last bit.
SCHUSS_INLINE double power_096(double x) {
    if (x > 1e6) return 0.0;  // 0.96^1e6 underflows
    const auto whole = static_cast<std::int64_t>(x);
    const double z = (x - static_cast<double>(whole)) * -0.040821994520255129554577;
    double series = 1.0;
    for (int k = 10; k > 0; --k) series = 1.0 + z / k * series;
    return power(0.96, whole) * series;
}

struct NAdam : Moments {
    SCHUSS_HYPER(learning_rate, beta1, beta2, epsilon, momentum_decay)
    static constexpr double carry[] = {1.0};
    enum { kGradStep = kOwn, kMomentStep, kCoefficients };
    static void coefficients(const double* h, std::int64_t t, double* product, double* c) {
        Moments::coefficients(h, t, product, c);
        const double mu =
            h[By::beta1] * (1.0 - 0.5 * power_096(static_cast<double>(t) * h[By::momentum_decay]));
        const double next =
            h[By::beta1] *
            (1.0 - 0.5 * power_096(static_cast<double>(t + 1) * h[By::momentum_decay]));
        product[0] *= mu;
        c[kGradStep] = h[By::learning_rate] * (1.0 - mu) / (1.0 - product[0]);
        c[kMomentStep] = h[By::learning_rate] * next / (1.0 - product[0] * next);
    }
    template <class V>
    SCHUSS_INLINE static V step(V g, V& m, V& v, const V* c) {
        average(g, m, v, c);
        return (c[kGradStep] * g + c[kMomentStep] * m) / denominator(v, c);
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

// RAdam, Liu et al. 2020, Algorithm 2. While rho_t <= threshold the variance of v is not tractable
// and the step is lr m_hat; after that it is lr r_t m_hat / (sqrt(v_hat) + eps). The paper has no
// eps; ours stands on the corrected root, or as in PyTorch on that of v as it is.
#pragma once
#include "rules/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct RAdam : Moments {
    SCHUSS_HYPER(learning_rate, beta1, beta2, epsilon, threshold, epsilon_before_correction)
    enum { kAdaptive = kOwn, kCoefficients };
    static void coefficients(const double* h, std::int64_t t, double* carry, double* c) {
        Moments::coefficients(h, t, carry, c);
        if (h[By::epsilon_before_correction] != 0.0) c[kEpsilon] *= c[kInverseRoot2];
        const double decay = power(h[By::beta2], t);
        const double limit = 2.0 / (1.0 - h[By::beta2]) - 1.0;
        const double rho = limit - 2.0 * static_cast<double>(t) * decay / (1.0 - decay);
        c[kAdaptive] = rho > h[By::threshold] ? 1.0 : 0.0;
        if (rho > h[By::threshold])
            c[kStepSize] *= __builtin_sqrt(((rho - 4.0) * (rho - 2.0) * limit) /
                                           ((limit - 4.0) * (limit - 2.0) * rho));
    }
    template <class V>
    SCHUSS_INLINE static V step(V g, V& m, V& v, const V* c) {
        average(g, m, v, c);
        const V one = broadcast<V>(1.0);
        return (c[kStepSize] * m) / select(c[kAdaptive] > V{}, denominator(v, c), one);
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

// RAdam, Liu et al. 2020, Algorithm 2. While rho_t <= threshold the variance of v is not tractable and the step is
// lr m_hat; after that it is lr r_t m_hat / (sqrt(v_hat) + eps). The paper has no eps; ours stands on the corrected root.
#pragma once
#include "rules/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct RAdam {
    static constexpr char hyper[] = "learning_rate beta1 beta2 epsilon threshold";
    static constexpr char slots[] = "exp_avg exp_avg_sq";
    enum {
        kBeta1, kTake1, kBeta2, kTake2, kStepSize, kInverseRoot2, kEpsilon, kAdaptive, kCoefficients
    };
    static void coefficients(const double* h, std::int64_t t, double*, double* c) {
        const double decay = power(h[2], t);
        const double rho_inf = 2.0 / (1.0 - h[2]) - 1.0;
        const double rho = rho_inf - 2.0 * static_cast<double>(t) * decay / (1.0 - decay);
        const bool adaptive = rho > h[4];
        const double rectification =
            adaptive ? __builtin_sqrt(((rho - 4.0) * (rho - 2.0) * rho_inf) /
                                      ((rho_inf - 4.0) * (rho_inf - 2.0) * rho))
                     : 1.0;
        c[kBeta1] = h[1];
        c[kTake1] = 1.0 - h[1];
        c[kBeta2] = h[2];
        c[kTake2] = 1.0 - h[2];
        c[kStepSize] = h[0] * rectification / bias_correction(h[1], t);
        c[kInverseRoot2] = inverse_sqrt(1.0 - decay);
        c[kEpsilon] = h[3];
        c[kAdaptive] = adaptive ? 1.0 : 0.0;
    }
    template <class V>
    SCHUSS_INLINE static void update(V& p, V g, V& m, V& v, const V* c) {
        m = ema(m, g, c[kBeta1], c[kTake1]);
        v = ema(v, g * g, c[kBeta2], c[kTake2]);
        const V root = sqrt(v) * c[kInverseRoot2] + c[kEpsilon];
        p = p - (c[kStepSize] * m) / select(c[kAdaptive] > V{}, root, broadcast<V>(1.0));
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

// AdaBelief, Zhuang et al. 2020, Algorithm 2: the variance is of the gradient around its own
// average m, the new one. epsilon_root is added into the state at each step, as in the paper; it is
// 0 by default.
#pragma once
#include "rules/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct AdaBelief : Moments {
    SCHUSS_HYPER(learning_rate, beta1, beta2, epsilon, epsilon_root)
    static constexpr char slots[] = "exp_avg exp_avg_var";
    enum { kEpsilonRoot = kOwn, kCoefficients };
    static void coefficients(const double* h, std::int64_t t, double* carry, double* c) {
        Moments::coefficients(h, t, carry, c);
        c[kEpsilonRoot] = h[By::epsilon_root];
    }
    template <class V>
    SCHUSS_INLINE static V step(V g, V& m, V& s, const V* c) {
        m = ema(m, g, c[kBeta1], c[kTake1]);
        const V surprise = g - m;
        s = ema(s, surprise * surprise, c[kBeta2], c[kTake2]) + c[kEpsilonRoot];
        return ratio(m, s, c);
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

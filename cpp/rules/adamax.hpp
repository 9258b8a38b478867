// Adamax, Kingma & Ba 2015, Algorithm 2; epsilon is added to |g|, as in PyTorch, where the paper
// has none.
#pragma once
#include "rules/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct Adamax {
    SCHUSS_HYPER(learning_rate, beta1, beta2, epsilon)
    static constexpr char slots[] = "exp_avg exp_inf";
    enum { kBeta1, kTake1, kBeta2, kStepSize, kEpsilon, kCoefficients };
    static void coefficients(const double* h, std::int64_t t, double*, double* c) {
        c[kBeta1] = h[By::beta1];
        c[kTake1] = 1.0 - h[By::beta1];
        c[kBeta2] = h[By::beta2];
        c[kStepSize] = h[By::learning_rate] / bias_correction(h[By::beta1], t);
        c[kEpsilon] = h[By::epsilon];
    }
    template <class V>
    SCHUSS_INLINE static V step(V g, V& m, V& u, const V* c) {
        m = ema(m, g, c[kBeta1], c[kTake1]);
        u = maximum(c[kBeta2] * u, abs(g) + c[kEpsilon]);
        return (c[kStepSize] * m) / u;
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

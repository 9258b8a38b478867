// AdaGrad, Duchi, Hazan & Singer 2011: G <- G + g^2; p <- p - lr g / (sqrt(G) + eps).
// With epsilon_inside_sqrt the same epsilon stands under the root. Adding the other, zero one
// changes no bit. The rate of step t is lr / (1 + (t - 1) lr_decay), as in PyTorch.
#pragma once
#include "rules/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct AdaGrad {
    SCHUSS_HYPER(learning_rate, epsilon, epsilon_inside_sqrt, lr_decay)
    static constexpr char slots[] = "sum";
    static constexpr bool squares = true;
    enum { kLearningRate, kEpsilonInside, kEpsilonOutside, kCoefficients };
    static void coefficients(const double* h, std::int64_t t, double*, double* c) {
        const double decays = 1.0 + static_cast<double>(t - 1) * h[By::lr_decay];
        c[kLearningRate] = h[By::learning_rate] / decays;
        c[kEpsilonInside] = h[By::epsilon_inside_sqrt] != 0.0 ? h[By::epsilon] : 0.0;
        c[kEpsilonOutside] = h[By::epsilon_inside_sqrt] != 0.0 ? 0.0 : h[By::epsilon];
    }
    template <class V>
    SCHUSS_INLINE static V step(V g, V& sum, const V* c) {
        sum = sum + g * g;
        return (c[kLearningRate] * g) / (sqrt(sum + c[kEpsilonInside]) + c[kEpsilonOutside]);
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

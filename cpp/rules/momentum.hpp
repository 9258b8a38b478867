// Heavy ball (Polyak 1964) and Nesterov's look-ahead (Nesterov 1983, as in Sutskever et al. 2013),
// in two forms. Gradient form: b <- mu b + (1 - d) g; p <- p - lr b. The learning rate multiplies
// after the sum. Velocity form: v <- mu v - lr (1 - d) g; p <- p + v. A change of the rate leaves
// the velocity alone. The dampening of the first step stands by itself, for PyTorch has none there.
#pragma once
#include "rules/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

template <bool kNesterov>
struct MomentumRule {
    SCHUSS_HYPER(learning_rate, momentum, dampening, first_dampening)
    static constexpr char slots[] = "momentum_buffer";
    enum { kLearningRate, kMomentum, kTake, kCoefficients };
    static void coefficients(const double* h, std::int64_t t, double*, double* c) {
        c[kLearningRate] = h[By::learning_rate];
        c[kMomentum] = h[By::momentum];
        c[kTake] = 1.0 - (t == 1 ? h[By::first_dampening] : h[By::dampening]);
    }
    template <class V>
    SCHUSS_INLINE static V step(V g, V& b, const V* c) {
        const V taken = c[kTake] * g;
        b = c[kMomentum] * b + taken;
        if constexpr (kNesterov)
            return c[kLearningRate] * (taken + c[kMomentum] * b);
        else
            return c[kLearningRate] * b;
    }
};

template <bool kNesterov>
struct VelocityRule {
    SCHUSS_HYPER(learning_rate, momentum, dampening)
    static constexpr char slots[] = "velocity";
    enum { kMomentum, kTake, kCoefficients };
    static void coefficients(const double* h, std::int64_t, double*, double* c) {
        c[kMomentum] = h[By::momentum];
        c[kTake] = h[By::learning_rate] * (1.0 - h[By::dampening]);
    }
    template <class V>
    SCHUSS_INLINE static V step(V g, V& v, const V* c) {
        const V taken = c[kTake] * g;
        v = c[kMomentum] * v - taken;
        if constexpr (kNesterov)
            return -(c[kMomentum] * v - taken);
        else
            return -v;
    }
};

using Momentum = MomentumRule<false>;
using Nesterov = MomentumRule<true>;
using Velocity = VelocityRule<false>;
using NesterovVelocity = VelocityRule<true>;

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

// Heavy ball (Polyak 1964) and Nesterov's look-ahead (Nesterov 1983, as in Sutskever et al. 2013),
// in two forms. Gradient form: b <- mu b + (1 - d) g; p <- p - lr b. The learning rate multiplies
// after the sum. Velocity form: v <- mu v - lr (1 - d) g; p <- p + v. A change of the rate leaves
// the velocity alone.
#pragma once
#include "rules/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

template <bool kNesterov>
struct MomentumRule {
    static constexpr char hyper[] = "learning_rate momentum dampening";
    static constexpr char slots[] = "momentum_buffer";
    enum { kLearningRate, kMomentum, kTake, kCoefficients };
    static void coefficients(const double* h, std::int64_t, double*, double* c) {
        c[kLearningRate] = h[0];
        c[kMomentum] = h[1];
        c[kTake] = 1.0 - h[2];
    }
    template <class V>
    SCHUSS_INLINE static void update(V& p, V g, V& b, const V* c) {
        const V taken = c[kTake] * g;
        b = c[kMomentum] * b + taken;
        if constexpr (kNesterov)
            p = p - c[kLearningRate] * (taken + c[kMomentum] * b);
        else
            p = p - c[kLearningRate] * b;
    }
};

template <bool kNesterov>
struct VelocityRule {
    static constexpr char hyper[] = "learning_rate momentum dampening";
    static constexpr char slots[] = "velocity";
    enum { kMomentum, kTake, kCoefficients };
    static void coefficients(const double* h, std::int64_t, double*, double* c) {
        c[kMomentum] = h[1];
        c[kTake] = h[0] * (1.0 - h[2]);
    }
    template <class V>
    SCHUSS_INLINE static void update(V& p, V g, V& v, const V* c) {
        const V taken = c[kTake] * g;
        v = c[kMomentum] * v - taken;
        if constexpr (kNesterov)
            p = p + (c[kMomentum] * v - taken);
        else
            p = p + v;
    }
};

using Momentum = MomentumRule<false>;
using Nesterov = MomentumRule<true>;
using Velocity = VelocityRule<false>;
using NesterovVelocity = VelocityRule<true>;

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

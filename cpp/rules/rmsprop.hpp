// RMSprop, Tieleman & Hinton 2012 (lecture 6e); centered form of Graves 2013, equations 38 to 45.
// v <- beta v + (1 - beta) g^2; d = sqrt(v) + eps, or sqrt(v + eps); p <- p - lr g / d.
// Centered: the squared mean gradient is taken from v under the root; rounding may leave less than
// 0, which counts as 0. With momentum: buf <- mu buf + g / d; p <- p - lr buf.
#pragma once
#include "rules/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

template <bool kCentered, bool kMomentum>
struct RMSpropRule {
    SCHUSS_HYPER(learning_rate, beta, epsilon, epsilon_inside_sqrt, momentum)
    static constexpr bool squares = true;
    enum { kLearningRate, kBeta, kTake, kEpsilonInside, kEpsilonOutside, kMu, kCoefficients };
    static void coefficients(const double* h, std::int64_t, double*, double* c) {
        c[kLearningRate] = h[By::learning_rate];
        c[kBeta] = h[By::beta];
        c[kTake] = 1.0 - h[By::beta];
        c[kEpsilonInside] = h[By::epsilon_inside_sqrt] != 0.0 ? h[By::epsilon] : 0.0;
        c[kEpsilonOutside] = h[By::epsilon_inside_sqrt] != 0.0 ? 0.0 : h[By::epsilon];
        c[kMu] = h[By::momentum];
    }
    template <class V>
    SCHUSS_INLINE static V denominator(V g, V& v, V* mean, const V* c) {
        v = ema(v, g * g, c[kBeta], c[kTake]);
        V spread = v;
        if constexpr (kCentered) {
            *mean = ema(*mean, g, c[kBeta], c[kTake]);
            spread = v - *mean * *mean;
            spread = select(spread < V{}, V{}, spread);
        }
        return sqrt(spread + c[kEpsilonInside]) + c[kEpsilonOutside];
    }
    template <class V>
    SCHUSS_INLINE static V along(V g, V d, V* buf, const V* c) {
        if constexpr (kMomentum) {
            *buf = c[kMu] * *buf + g / d;
            return c[kLearningRate] * *buf;
        } else {
            return (c[kLearningRate] * g) / d;
        }
    }
};

struct RMSprop : RMSpropRule<false, false> {
    static constexpr char slots[] = "square_avg";
    template <class V>
    SCHUSS_INLINE static V step(V g, V& v, const V* c) {
        return along<V>(g, denominator<V>(g, v, nullptr, c), nullptr, c);
    }
};

struct RMSpropMomentum : RMSpropRule<false, true> {
    static constexpr char slots[] = "square_avg momentum_buffer";
    template <class V>
    SCHUSS_INLINE static V step(V g, V& v, V& buf, const V* c) {
        return along<V>(g, denominator<V>(g, v, nullptr, c), &buf, c);
    }
};

struct RMSpropCentered : RMSpropRule<true, false> {
    static constexpr char slots[] = "square_avg grad_avg";
    template <class V>
    SCHUSS_INLINE static V step(V g, V& v, V& mean, const V* c) {
        return along<V>(g, denominator<V>(g, v, &mean, c), nullptr, c);
    }
};

struct RMSpropCenteredMomentum : RMSpropRule<true, true> {
    static constexpr char slots[] = "square_avg grad_avg momentum_buffer";
    template <class V>
    SCHUSS_INLINE static V step(V g, V& v, V& mean, V& buf, const V* c) {
        return along<V>(g, denominator<V>(g, v, &mean, c), &buf, c);
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

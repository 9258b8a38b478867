// LAMB, You et al. 2020, Algorithm 2: Adam's direction u, with the decay in it, scaled to the
// length of its tensor: p <- p - lr |p| / |u| u. The ratio is 1 where a norm is 0 or nothing is
// adapted.
#pragma once
#include "rules/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct Lamb : Moments {
    SCHUSS_HYPER(learning_rate, beta1, beta2, epsilon, weight_decay, bias_correction,
                 decoupled_weight_decay, adapt, min_ratio, max_ratio)
    static constexpr char sums[] = "param update";
    static constexpr bool all_in_gather = true;
    enum { kInside = kOwn, kRate, kCoefficients };
    static void coefficients(const double* h, std::int64_t t, double* carry, double* c) {
        Moments::coefficients(h, t, carry, c);
        const bool corrected = h[By::bias_correction] != 0.0;
        c[kStepSize] = corrected ? 1.0 / bias_correction(h[By::beta1], t) : 1.0;
        if (!corrected) c[kInverseRoot2] = 1.0;
        c[kInside] = h[By::decoupled_weight_decay] != 0.0 ? 0.0 : h[By::weight_decay];
    }
    static double decay(const double* h) {
        return h[By::decoupled_weight_decay] != 0.0 ? h[By::learning_rate] * h[By::weight_decay]
                                                    : 0.0;
    }
    static void set_sums(const double* h, const double* squares, double* c) {
        const double of_p = __builtin_sqrt(squares[0]), of_u = __builtin_sqrt(squares[1]);
        double ratio = 1.0;
        if (adapts(h[By::adapt], h[By::weight_decay]) && of_p != 0.0 && of_u != 0.0)
            ratio = clamp(of_p / of_u, h[By::min_ratio], h[By::max_ratio]);
        c[kRate] = h[By::learning_rate] * ratio;
    }
    template <class V>
    SCHUSS_INLINE static V direction(V p, V m, V v, const V* c) {
        return c[kInside] * p + ratio(m, v, c);
    }
    template <class V>
    SCHUSS_INLINE static void gather(V p, V g, V& m, V& v, const V* c, V* term) {
        average(g, m, v, c);
        term[0] = p;
        term[1] = direction(p, m, v, c);
    }
    template <class V>
    SCHUSS_INLINE static V step(V p, V, V m, V v, const V* c) {
        return c[kRate] * direction(p, m, v, c);
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

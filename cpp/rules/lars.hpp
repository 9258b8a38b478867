// LARS, You, Gitman & Ginsburg 2017: momentum on gradients that are scaled to the length of their
// tensor: r = trust |p| / (|g| + wd |p| + eps); b <- mu b + (1 - d) r (g + wd p); p <- p - lr b.
// With lr_in_velocity, as in the paper, the rate stands in b. The first b takes no dampening.
#pragma once
#include "rules/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct Lars {
    SCHUSS_HYPER(learning_rate, momentum, dampening, nesterov, trust_coefficient, epsilon,
                 weight_decay, lr_in_velocity, adapt, zero_ratio, max_ratio)
    static constexpr char slots[] = "momentum_buffer";
    static constexpr char sums[] = "param grad";
    enum { kMomentum, kTake, kDecay, kOnTaken, kOnBuffer, kCoefficients };
    static void coefficients(const double* h, std::int64_t t, double*, double* c) {
        const bool inside = h[By::lr_in_velocity] != 0.0, nesterov = h[By::nesterov] != 0.0;
        const double rate = h[By::learning_rate], after = inside ? 1.0 : rate;
        c[kMomentum] = h[By::momentum];
        c[kTake] = (inside ? rate : 1.0) * (t == 1 ? 1.0 : 1.0 - h[By::dampening]);
        c[kDecay] = h[By::weight_decay];
        c[kOnTaken] = nesterov ? after : 0.0;
        c[kOnBuffer] = nesterov ? after * h[By::momentum] : after;
    }
    static double decay(const double*) { return 0.0; }
    static void set_sums(const double* h, const double* squares, double* c) {
        if (!adapts(h[By::adapt], h[By::weight_decay])) return;
        const double of_p = __builtin_sqrt(squares[0]), of_g = __builtin_sqrt(squares[1]);
        double ratio = h[By::zero_ratio];
        if (of_p != 0.0 && of_g != 0.0) {
            const double total = of_g + h[By::weight_decay] * of_p + h[By::epsilon];
            ratio = clamp(h[By::trust_coefficient] * of_p / total, 0.0, h[By::max_ratio]);
        }
        c[kTake] *= ratio;
    }
    template <class V>
    SCHUSS_INLINE static void gather(V p, V g, V, const V*, V* term) {
        term[0] = p;
        term[1] = g;
    }
    template <class V>
    SCHUSS_INLINE static V step(V p, V g, V& b, const V* c) {
        const V taken = c[kTake] * (g + c[kDecay] * p);
        b = c[kMomentum] * b + taken;
        return c[kOnTaken] * taken + c[kOnBuffer] * b;
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

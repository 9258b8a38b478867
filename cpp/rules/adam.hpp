// Adam, Kingma & Ba 2015, Algorithm 1: epsilon is added to sqrt(v_hat), outside the root.
// AdamW, Loshchilov & Hutter 2019, Algorithm 2: the decay lr wd p is taken together with the step.
// AMSGrad, Reddi, Kale & Kumar 2018: the maximum of the raw v, corrected as v is (the paper corrects neither).
#pragma once
#include "rules/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

template <bool kDecoupled>
struct AdamRule {
    static constexpr char hyper[] = "learning_rate beta1 beta2 epsilon";
    enum { kBeta1, kTake1, kBeta2, kTake2, kStepSize, kInverseRoot2, kEpsilon, kDecay, kCoefficients };
    static void coefficients(const double* h, std::int64_t t, double*, double* c) {
        c[kBeta1] = h[1];
        c[kTake1] = 1.0 - h[1];
        c[kBeta2] = h[2];
        c[kTake2] = 1.0 - h[2];
        c[kStepSize] = h[0] / bias_correction(h[1], t);
        c[kInverseRoot2] = inverse_sqrt(bias_correction(h[2], t));
        c[kEpsilon] = h[3];
        c[kDecay] = kDecoupled ? h[0] * h[4] : 0.0;
    }
    template <class V>
    SCHUSS_INLINE static void moments(V g, V& m, V& v, const V* c) {
        m = ema(m, g, c[kBeta1], c[kTake1]);
        v = ema(v, g * g, c[kBeta2], c[kTake2]);
    }
    template <class V>
    SCHUSS_INLINE static void move(V& p, V m, V v, const V* c) {
        const V step = (c[kStepSize] * m) / (sqrt(v) * c[kInverseRoot2] + c[kEpsilon]);
        if constexpr (kDecoupled)
            p = p - (c[kDecay] * p + step);
        else
            p = p - step;
    }
};

template <bool kDecoupled>
struct AdamPlain : AdamRule<kDecoupled> {
    static constexpr char slots[] = "exp_avg exp_avg_sq";
    template <class V>
    SCHUSS_INLINE static void update(V& p, V g, V& m, V& v, const V* c) {
        AdamPlain::moments(g, m, v, c);
        AdamPlain::move(p, m, v, c);
    }
};

template <bool kDecoupled>
struct AdamMaximum : AdamRule<kDecoupled> {
    static constexpr char slots[] = "exp_avg exp_avg_sq max_exp_avg_sq";
    template <class V>
    SCHUSS_INLINE static void update(V& p, V g, V& m, V& v, V& v_max, const V* c) {
        AdamMaximum::moments(g, m, v, c);
        v_max = maximum(v_max, v);
        AdamMaximum::move(p, m, v_max, c);
    }
};

using Adam = AdamPlain<false>;
using AmsGrad = AdamMaximum<false>;
struct AdamW : AdamPlain<true> {
    static constexpr char hyper[] = "learning_rate beta1 beta2 epsilon weight_decay";
};
struct AmsGradW : AdamMaximum<true> {
    static constexpr char hyper[] = "learning_rate beta1 beta2 epsilon weight_decay";
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

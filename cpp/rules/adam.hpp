// Adam, Kingma & Ba 2015, Algorithm 1: epsilon is added to sqrt(v_hat), outside the root.
// AdamW, Loshchilov & Hutter 2019, Algorithm 2: the decay lr wd p is taken together with the step.
// AMSGrad, Reddi, Kale & Kumar 2018: the maximum of the raw v, corrected as v is (the paper
// corrects neither).
#pragma once
#include "rules/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct Adam : Moments {
    template <class V>
    SCHUSS_INLINE static void update(V& p, V g, V& m, V& v, const V* c) {
        average(g, m, v, c);
        p = p - step(m, v, c);
    }
};

struct AmsGrad : Moments {
    static constexpr char slots[] = "exp_avg exp_avg_sq max_exp_avg_sq";
    template <class V>
    SCHUSS_INLINE static void update(V& p, V g, V& m, V& v, V& v_max, const V* c) {
        average(g, m, v, c);
        v_max = maximum(v_max, v);
        p = p - step(m, v_max, c);
    }
};

// Adam or AMSGrad with the decay beside the step.
template <class Base>
struct Decoupled : Base {
    static constexpr char hyper[] = "learning_rate beta1 beta2 epsilon weight_decay";
    enum { kDecay = Base::kOwn, kCoefficients };
    static void coefficients(const double* h, std::int64_t t, double* carry, double* c) {
        Base::coefficients(h, t, carry, c);
        c[kDecay] = h[0] * h[4];
    }
};

struct AdamW : Decoupled<Adam> {
    template <class V>
    SCHUSS_INLINE static void update(V& p, V g, V& m, V& v, const V* c) {
        average(g, m, v, c);
        p = p - (c[kDecay] * p + step(m, v, c));
    }
};

struct AmsGradW : Decoupled<AmsGrad> {
    template <class V>
    SCHUSS_INLINE static void update(V& p, V g, V& m, V& v, V& v_max, const V* c) {
        average(g, m, v, c);
        v_max = maximum(v_max, v);
        p = p - (c[kDecay] * p + step(m, v_max, c));
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

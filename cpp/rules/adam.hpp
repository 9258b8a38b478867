// Adam, Kingma & Ba 2015, Algorithm 1: epsilon is added to sqrt(v_hat), outside the root.
// AdamW, Loshchilov & Hutter 2019, Algorithm 2, is Adam with its decay beside the step.
// AMSGrad, Reddi, Kale & Kumar 2018: the maximum of the raw v, corrected as v is (the paper
// corrects neither).
#pragma once
#include "rules/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct Adam : Moments {
    template <class V>
    SCHUSS_INLINE static V step(V g, V& m, V& v, const V* c) {
        average(g, m, v, c);
        return ratio(m, v, c);
    }
};

struct AmsGrad : Moments {
    static constexpr char slots[] = "exp_avg exp_avg_sq max_exp_avg_sq";
    template <class V>
    SCHUSS_INLINE static V step(V g, V& m, V& v, V& v_max, const V* c) {
        average(g, m, v, c);
        v_max = maximum(v_max, v);
        return ratio(m, v_max, c);
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

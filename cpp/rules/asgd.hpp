// Averaged gradient descent, Polyak & Juditsky 1992, with the rates of PyTorch: eta is the learning
// rate in the first step and lr / (1 + lambd lr t)^alpha after step t. lambd is decay beside the
// step, which is eta (g + lambd p). From step t0 + 2 on ax is the average of the parameters, before
// it is their copy: ax <- ax + mu (p - ax) with mu = 1 / (t - t0) after step t, at most 1. eta and
// mu of the next step are the rule's scalar state.
#pragma once
#include "rules/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct Asgd {
    SCHUSS_HYPER(learning_rate, lambd, alpha, t0)
    static constexpr char slots[] = "ax";
    static constexpr double carry[] = {0.0, 1.0};
    enum { kEta, kDecay, kMu, kCoefficients };
    static void coefficients(const double* h, std::int64_t t, double* carry, double* c) {
        const double rate = h[By::learning_rate], step = static_cast<double>(t);
        c[kEta] = t == 1 && carry[0] == 0.0 ? rate : carry[0];
        c[kDecay] = h[By::lambd] * c[kEta];
        c[kMu] = carry[1];
        const double growth = logarithm(1.0 + h[By::lambd] * rate * step);
        carry[0] = rate / (1.0 + exponential_less_1(h[By::alpha] * growth));
        carry[1] = step - h[By::t0] > 1.0 ? 1.0 / (step - h[By::t0]) : 1.0;
    }
    template <class V>
    SCHUSS_INLINE static V step(V p, V g, V& ax, const V* c) {
        const V step = c[kDecay] * p + c[kEta] * g;
        const V moved = p - step;
        ax = select(c[kMu] < broadcast<V>(1.0), ax + c[kMu] * (moved - ax), moved);
        return step;
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

// AdaDelta, Zeiler 2012, Algorithm 1: x = sqrt(u + eps) / sqrt(v + eps) g with the u of the step
// before.
#pragma once
#include "rules/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct AdaDelta {
    static constexpr char hyper[] = "learning_rate rho epsilon";
    static constexpr char slots[] = "square_avg acc_delta";
    static constexpr bool squares = true;
    enum { kLearningRate, kRho, kTake, kEpsilon, kCoefficients };
    static void coefficients(const double* h, std::int64_t, double*, double* c) {
        c[kLearningRate] = h[0];
        c[kRho] = h[1];
        c[kTake] = 1.0 - h[1];
        c[kEpsilon] = h[2];
    }
    template <class V>
    SCHUSS_INLINE static void update(V& p, V g, V& v, V& u, const V* c) {
        v = ema(v, g * g, c[kRho], c[kTake]);
        const V x = sqrt(u + c[kEpsilon]) / sqrt(v + c[kEpsilon]) * g;
        u = ema(u, x * x, c[kRho], c[kTake]);
        p = p - c[kLearningRate] * x;
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

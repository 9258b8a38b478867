// amplitude exp(-rate x).
#pragma once
#include "models/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct Exponential {
    static constexpr char parameters[] = "amplitude rate";
    static constexpr int variables = 1;
    Reals amplitude, rate;

    SCHUSS_INLINE explicit Exponential(const Reals* p) : amplitude(p[0]), rate(p[1]) {}

    SCHUSS_INLINE Reals at(const Reals* x, Reals* d) const {
        d[0] = exp(-rate * x[0]);
        const Reals value = amplitude * d[0];
        d[1] = -x[0] * value;
        return value;
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

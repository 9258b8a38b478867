// amplitude x^exponent, for x >= 0; NaN below.
#pragma once
#include "models/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct Power {
    static constexpr char parameters[] = "amplitude exponent";
    static constexpr int variables = 1;
    Reals amplitude, exponent;

    SCHUSS_INLINE explicit Power(const Reals* p) : amplitude(p[0]), exponent(p[1]) {}

    SCHUSS_INLINE Reals at(const Reals* x, Reals* d) const {
        const Reals zero{}, logarithm = log(x[0]);
        d[0] = exp(select(exponent == 0.0, zero, exponent * logarithm));
        const Reals value = amplitude * d[0];
        d[1] = select(d[0] == 0.0, zero, value * logarithm);  // its limit where x is 0
        return value;
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

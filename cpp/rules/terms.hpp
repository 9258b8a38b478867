// The words that the rules share. V is a vector, or one float or double.
#pragma once
#include "simd/vec.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

// beta^t by repeated squaring: multiplications only, so that the bits depend on no libm.
SCHUSS_INLINE double power(double base, std::int64_t exponent) {
    double result = 1.0;
    for (; exponent > 0; exponent >>= 1, base *= base)
        if (exponent & 1) result *= base;
    return result;
}

// What an exponential moving average that began at 0 lacks after t steps: 1 - beta^t.
SCHUSS_INLINE double bias_correction(double beta, std::int64_t t) { return 1.0 - power(beta, t); }

SCHUSS_INLINE double inverse_sqrt(double x) { return 1.0 / __builtin_sqrt(x); }

// Exponential moving average: keep = beta, take = 1 - beta.
template <class V>
SCHUSS_INLINE V ema(V average, V value, V keep, V take) {
    return keep * average + take * value;
}

// -1, 0 or 1; NaN stays NaN.
template <class V>
SCHUSS_INLINE V sign(V x) {
    const V one = broadcast<V>(1.0);
    return select(x > V{}, one, select(x < V{}, -one, x));
}

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

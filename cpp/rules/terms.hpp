// The words that the rules share. V is a vector, or one float or double.
#pragma once
#include "simd/vec.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

// The hyperparameters of a rule, once: their names, and their places in what it is given of them.
#define SCHUSS_HYPER(...)                         \
    static constexpr char hyper[] = #__VA_ARGS__; \
    struct By {                                   \
        enum { __VA_ARGS__, kHypers };            \
    };

// beta^t by repeated squaring: multiplications only, so that the bits depend on no libm.
SCHUSS_INLINE double power(double base, std::int64_t exponent) {
    double result = 1.0;
    for (; exponent > 0; exponent >>= 1, base *= base)
        if (exponent & 1) result *= base;
    return result;
}

// What an exponential moving average that began at 0 lacks after t steps: 1 - beta^t.
SCHUSS_INLINE double bias_correction(double beta, std::int64_t t) { return 1.0 - power(beta, t); }

// log(x) for x > 0 without a libm: x = 2^k z with z near 1, and the series of artanh.
SCHUSS_INLINE double logarithm(double x) {
    if (x > 1.7976931348623157e308) return x;
    int k = 0;
    for (; x < 0.7071067811865476; x *= 2.0) --k;
    for (; x > 1.4142135623730951; x *= 0.5) ++k;
    const double z = (x - 1.0) / (x + 1.0);
    double series = 0.0;
    for (int n = 23; n > 0; n -= 2) series = series * (z * z) + 1.0 / n;
    return k * 0.6931471805599453 + 2.0 * z * series;
}

// e^x - 1 without a libm: the series where |x| is small, then doublings.
SCHUSS_INLINE double exponential_less_1(double x) {
    if (x < -745.0) return -1.0;
    if (x > 710.0) return __builtin_inf();
    int doublings = 0;
    for (; x < -0.04 || x > 0.04; x *= 0.5) ++doublings;
    double series = 1.0;
    for (int k = 10; k > 1; --k) series = 1.0 + x / k * series;
    double result = x * series;
    for (; doublings > 0; --doublings) result = result * (2.0 + result);
    return result;
}

SCHUSS_INLINE double inverse_sqrt(double x) { return 1.0 / __builtin_sqrt(x); }

// Whether a tensor's step is scaled to its length: never, always, or where it decays.
SCHUSS_INLINE bool adapts(double adapt, double weight_decay) {
    return adapt == 1.0 || (adapt == 2.0 && weight_decay != 0.0);
}

SCHUSS_INLINE double clamp(double x, double lowest, double highest) {
    x = x < lowest ? lowest : x;
    return highest < x ? highest : x;
}

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

// What the Adam family shares: both averages, their corrections, and the rate times m_hat /
// (sqrt(v_hat) + eps).
struct Moments {
    SCHUSS_HYPER(learning_rate, beta1, beta2, epsilon)
    static constexpr char slots[] = "exp_avg exp_avg_sq";
    static constexpr bool squares = true;
    // A rule with coefficients of its own counts on from kOwn.
    enum { kBeta1, kTake1, kBeta2, kTake2, kStepSize, kInverseRoot2, kEpsilon, kOwn };
    enum { kCoefficients = kOwn };
    static void coefficients(const double* h, std::int64_t t, double*, double* c) {
        c[kBeta1] = h[By::beta1];
        c[kTake1] = 1.0 - h[By::beta1];
        c[kBeta2] = h[By::beta2];
        c[kTake2] = 1.0 - h[By::beta2];
        c[kStepSize] = h[By::learning_rate] / bias_correction(h[By::beta1], t);
        c[kInverseRoot2] = inverse_sqrt(bias_correction(h[By::beta2], t));
        c[kEpsilon] = h[By::epsilon];
    }
    template <class V>
    SCHUSS_INLINE static void average(V g, V& m, V& v, const V* c) {
        m = ema(m, g, c[kBeta1], c[kTake1]);
        v = ema(v, g * g, c[kBeta2], c[kTake2]);
    }
    template <class V>
    SCHUSS_INLINE static V denominator(V v, const V* c) {
        return sqrt(v) * c[kInverseRoot2] + c[kEpsilon];
    }
    template <class V>
    SCHUSS_INLINE static V ratio(V m, V v, const V* c) {
        return (c[kStepSize] * m) / denominator(v, c);
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

// Exponential and logarithm of lanes of doubles, from + - * / and the bits of exponents alone: the
// same bits on every instruction set, and within one unit in the last place of the exact value.
#pragma once
#include "simd/vec.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

using Reals = Vector<double>;
using Bits = Vector<std::uint64_t>;

// Added to a number below 2^51, it rounds to a whole one, which the low bits of the sum hold.
constexpr double kWholeNumbers = 0x1.8p52;
// Of ln 2: its leading 33 bits, which times a whole number below 2^20 are exact, and the rest.
constexpr double kLn2High = 0x1.62e42feep-1, kLn2Low = 0x1.a39ef35793c76p-33;

// 2^k for the whole number k that was added to kWholeNumbers.
SCHUSS_INLINE Reals power_of_two(Reals k) { return (Reals)(((Bits)k + 1023) << 52); }

// exp(x) = 2^k exp(r), |r| <= ln(2)/2. The series of (exp(r) - 1 - r)/r^2 goes to r^11, even and
// odd terms apart; only the last two additions round by more than a fraction of the last place.
SCHUSS_INLINE Reals exp(Reals x) {
    // Beyond, the result is 0 or infinity all the same. Comparisons keep NaN.
    x = select(x < -800.0, broadcast<Reals>(-800.0), x);
    x = select(x > 800.0, broadcast<Reals>(800.0), x);
    const Reals k = (x * 0x1.71547652b82fep0 + kWholeNumbers) - kWholeNumbers;
    const Reals high = x - k * kLn2High, low = k * kLn2Low;
    const Reals r = high - low, s = r * r;
    const Reals even =
        1.0 / 2 +
        s * (1.0 / 24 +
             s * (1.0 / 720 + s * (1.0 / 40320 + s * (1.0 / 3628800 + s * (1.0 / 479001600)))));
    const Reals odd =
        1.0 / 6 +
        s * (1.0 / 120 +
             s * (1.0 / 5040 + s * (1.0 / 362880 + s * (1.0 / 39916800 + s * (1.0 / 6227020800)))));
    const Reals y = 1.0 + (high - (low - s * (even + r * odd)));
    // In two halves, as 2^k may be out of range where the result is not.
    const Reals half = k * 0.5 + kWholeNumbers, rest = k - (half - kWholeNumbers) + kWholeNumbers;
    return y * power_of_two(half) * power_of_two(rest);
}

// log(x) = k ln(2) + log(1 + f), sqrt(1/2) <= 1 + f < sqrt(2). With s = f/(2 + f), log(1 + f) is
// 2 artanh(s) = f - (f^2/2 - s (f^2/2 + 2 s^2/3 + 2 s^4/5 + ...)).
SCHUSS_INLINE Reals log(Reals x) {
    const auto small = x < 0x1p-1022;
    const Bits bits = (Bits)select(small, x * 0x1p54, x);
    // The exponent as if the fraction began at sqrt(1/2): its bits are those of x / sqrt(1/2).
    const Bits shifted = bits - 0x3fe6a09e667f3bcdull;
    const Bits exponent = (shifted + (1024ull << 52)) >> 52;  // above zero: 1024 + k
    const Reals f = (Reals)(bits - ((exponent - 1024) << 52)) - 1.0;
    Reals k = (Reals)(exponent | 0x4330000000000000ull) - (0x1p52 + 1024.0);
    k = select(small, k - 54.0, k);
    const Reals s = f / (2.0 + f), z = s * s, w = z * z, half = 0.5 * f * f;
    const Reals one =
        2.0 / 3 + w * (2.0 / 7 + w * (2.0 / 11 + w * (2.0 / 15 + w * (2.0 / 19 + w * (2.0 / 23)))));
    const Reals other = 2.0 / 5 + w * (2.0 / 9 + w * (2.0 / 13 + w * (2.0 / 17 + w * (2.0 / 21))));
    const Reals series = z * (one + z * other);
    Reals y = k * kLn2High - ((half - (s * (half + series) + k * kLn2Low)) - f);
    y = select(x == 0.0, broadcast<Reals>(-__builtin_inf()), y);
    y = select(x < __builtin_inf(), y, x);  // infinity and NaN as they are
    return select(x < 0.0, broadcast<Reals>(__builtin_nan("")), y);
}

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

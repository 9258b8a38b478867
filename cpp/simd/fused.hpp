// What a fused multiply-add gives, for CPUs that have none: c - a b, rounded once, all cases
// included. Some thirty operations instead of two, all of them of SSE2.
#pragma once
#include "simd/vec.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

template <int kBytes>
using Doubles = typename Wide<double, kBytes>::Vector;
template <int kBytes>
using Floats = typename Wide<float, kBytes>::Vector;

namespace fused {

template <int kBytes>
using Words = typename Wide<std::uint64_t, kBytes>::Vector;

// a + b = sum + error, exactly: Knuth, The Art of Computer Programming 2, theorem 4.2.2 B.
template <class V>
SCHUSS_INLINE V two_sum(V a, V b, V& error) {
    const V sum = a + b, rest = sum - a;
    error = (a - (sum - rest)) + (b - rest);
    return sum;
}

// The sum rounded to odd: where it is not exact, that neighbour of which the last bit is one. Of a
// number with two bits more than are wanted, rounding then gives the exact sum, rounded once:
// Boldo and Melquiond, Emulation of a FMA and correctly rounded sums, 2008.
template <int kBytes>
SCHUSS_INLINE Doubles<kBytes> odd_sum(Doubles<kBytes> a, Doubles<kBytes> b) {
    Doubles<kBytes> error;
    const Words<kBytes> sum = (Words<kBytes>)two_sum(a, b, error);
    // Not of infinities and NaN, whose error is NaN. (SSE2 compares doubles, but no such words.)
    const Words<kBytes> inexact = (Words<kBytes>)((error < 0) | (error > 0));
    const Words<kBytes> step = ~sum & inexact & 1, away = (sum ^ (Words<kBytes>)error) >> 63;
    return (Doubles<kBytes>)(sum + step - ((step & away) << 1));
}

// Of normal numbers in float64, a = high + low of 26 bits each: Veltkamp's; Dekker 1971.
template <class V>
SCHUSS_INLINE V high_part(V a) {
    const V large = a * 134217729.0;  // 2^27 + 1
    return large - (large - a);
}

// A positive number as bits 2^exponent, with the highest of 126 bits set.
struct Long {
    std::uint64_t high, low;
    int exponent;
};

SCHUSS_INLINE Long shifted_left(Long x, int by) {
    if (by >= 64) {
        x.high = x.low;
        x.low = 0;
        by -= 64;
        x.exponent -= 64;
    }
    if (by > 0) {
        x.high = x.high << by | x.low >> (64 - by);
        x.low <<= by;
        x.exponent -= by;
    }
    return x;
}

// Bits that go leave a one in the last place.
SCHUSS_INLINE Long shifted_right(Long x, int by) {
    if (by >= 126) return {0, (x.high | x.low) != 0, x.exponent + by};
    x.exponent += by;
    std::uint64_t gone = 0;
    if (by >= 64) {
        gone = x.low;
        x.low = x.high;
        x.high = 0;
        by -= 64;
    }
    if (by > 0) {
        gone |= x.low << (64 - by);
        x.low = x.low >> by | x.high << (64 - by);
        x.high >>= by;
    }
    x.low |= gone != 0;
    return x;
}

// The highest of 126 bits becomes set.
SCHUSS_INLINE Long normal(Long x) {
    const int zeros = x.high ? __builtin_clzll(x.high) : 64 + __builtin_clzll(x.low);
    return zeros > 2 ? shifted_left(x, zeros - 2) : shifted_right(x, 2 - zeros);
}

SCHUSS_INLINE std::uint64_t bits_of(double x) {
    std::uint64_t bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    return bits;
}

constexpr int kLeast = -1074;  // exponent of the smallest number

// |x| = bits 2^exponent, for finite x.
SCHUSS_INLINE Long whole(double x) {
    const std::uint64_t bits = bits_of(x), fraction = bits & ((1ull << 52) - 1);
    const int biased = static_cast<int>(bits >> 52 & 0x7ff);
    return {0, biased ? fraction | 1ull << 52 : fraction, (biased ? biased - 1 : 0) + kLeast};
}

SCHUSS_INLINE Long product(Long a, Long b) {
    constexpr std::uint64_t half = (1ull << 32) - 1;
    const std::uint64_t a0 = a.low & half, a1 = a.low >> 32, b0 = b.low & half, b1 = b.low >> 32;
    const std::uint64_t middle = a1 * b0 + (a0 * b0 >> 32), other = (middle & half) + a0 * b1;
    return {a1 * b1 + (middle >> 32) + (other >> 32), other << 32 | (a0 * b0 & half),
            a.exponent + b.exponent};
}

// Rounded to nearest, ties to even.
SCHUSS_INLINE double rounded(Long x, std::uint64_t sign) {
    x = normal(x);
    // 53 bits stay, or those that subnormal numbers have, and two to round by.
    x = shifted_right(x, x.exponent + 73 < kLeast ? kLeast - 2 - x.exponent : 71);
    const std::uint64_t whole = x.low >> 2;
    std::uint64_t bits = whole + ((x.low & 3) + (whole & 1) > 2);
    const int exponent = x.exponent + 2 - kLeast;  // 0 for the smallest numbers
    // The highest bit, and what rounding up may carry, go into the exponent.
    bits = exponent > 2045 ? 0x7ffull << 52 : bits + (static_cast<std::uint64_t>(exponent) << 52);
    bits |= sign << 63;
    double result;
    __builtin_memcpy(&result, &bits, sizeof result);
    return result;
}

// In whole numbers: whatever may overflow or underflow on the way.
[[gnu::noinline, gnu::cold]] double any(double a, double b, double c) {
    const auto finite = [](double x) { return x - x == 0.0; };
    if (!finite(a) || !finite(b) || a == 0.0 || b == 0.0) return c - a * b;
    if (!finite(c)) return c;
    const std::uint64_t sign = bits_of(c) >> 63, other = ~(bits_of(a) ^ bits_of(b)) >> 63;
    const Long taken = normal(product(whole(a), whole(b)));
    if (c == 0.0) return rounded(taken, other);
    const Long from = normal(whole(c));
    const bool more = from.exponent != taken.exponent ? from.exponent > taken.exponent
                      : from.high != taken.high       ? from.high > taken.high
                                                      : from.low > taken.low;
    Long large = more ? from : taken, small = more ? taken : from;
    small = shifted_right(small, large.exponent - small.exponent);
    if (sign == other) {
        large.low += small.low;
        large.high += small.high + (large.low < small.low);
    } else {
        large.high -= small.high + (large.low < small.low);
        large.low -= small.low;
    }
    if (!(large.high | large.low)) return 0.0;
    return rounded(large, more ? sign : other);
}

[[maybe_unused, gnu::noinline]] Doubles<16> subtract_product(Doubles<16> a, Doubles<16> b,
                                                             Doubles<16> c) {
    using V = Doubles<16>;
    const V product = a * b, size = abs(product);
    // Where no part of a product underflows and nothing overflows; nowhere with a NaN.
    const auto safe = ((size >= 0x1p-960) | (a == 0.0) | (b == 0.0)) & (size <= 0x1p1020) &
                      (abs(a) <= 0x1p990) & (abs(b) <= 0x1p990) & (abs(c) <= 0x1p1020);
    // a b = product + error: Dekker 1971.
    const V a_high = high_part(a), b_high = high_part(b), a_low = a - a_high, b_low = b - b_high;
    const V error =
        a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low);
    V low, rest;
    const V high = two_sum<V>(c, -error, low), sum = two_sum<V>(-product, high, rest);
    V result = sum + odd_sum<16>(low, rest);
    // Plain operations are exact where a zero comes out, and know its sign.
    result = select(result == 0.0, c - product, result);
    if (const auto all = (Words<16>)safe; __builtin_expect((all[0] & all[1]) == 0, 0))
        for (int lane = 0; lane < 2; ++lane)
            if (!all[lane]) result[lane] = any(a[lane], b[lane], c[lane]);
    return result;
}

// Products are exact in double, and their sums have bits enough.
[[maybe_unused, gnu::noinline]] Floats<16> subtract_product(Floats<16> a, Floats<16> b,
                                                            Floats<16> c) {
    using V = Doubles<32>;
    const V product = __builtin_convertvector(a, V) * __builtin_convertvector(b, V);
    return __builtin_convertvector(odd_sum<32>(__builtin_convertvector(c, V), -product),
                                   Floats<16>);
}

}  // namespace fused
}  // namespace
}  // namespace schuss::SCHUSS_TARGET

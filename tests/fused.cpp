// Compares the multiply-add in software with std::fma; prints what differs. See test_fused.py.
#include "simd/fused.hpp"

#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <random>
#include <vector>

namespace box = schuss::SCHUSS_TARGET;

template <class T>
struct Bits;
template <>
struct Bits<double> {
    using Word = std::uint64_t;
    using Vector = box::Doubles<16>;
    static constexpr int kFraction = 52;
    static double any(double a, double b, double c) { return box::fused::any(a, b, c); }
};
template <>
struct Bits<float> {
    using Word = std::uint32_t;
    using Vector = box::Floats<16>;
    static constexpr int kFraction = 23;
    static float any(float a, float b, float c) { return std::fma(-a, b, c); }
};

template <class T>
struct Check {
    using Word = typename Bits<T>::Word;
    static constexpr int kFraction = Bits<T>::kFraction;
    std::mt19937_64 random{20260301};
    long count = 0, wrong = 0;

    static bool same(T a, T b) {
        return std::bit_cast<Word>(a) == std::bit_cast<Word>(b) || (a != a && b != b);
    }
    void report(const char* what, T a, T b, T c, T got) {
        if (wrong++ < 10)
            std::printf("%s: %a - %a * %a is %a, not %a\n", what, double(c), double(a), double(b),
                        double(got), double(std::fma(-a, b, c)));
    }
    // In every lane, beside operands that are harmless and ones that are not.
    void check(T a, T b, T c) {
        constexpr int lanes = 16 / sizeof(T);
        const T wanted = std::fma(-a, b, c);
        using V = typename Bits<T>::Vector;
        const int lane = static_cast<int>(count++ % lanes);
        V as = V{} + T(0.75), bs = V{} + T(3), cs = V{} + (count & 8 ? T(1) : T(0) / T(0));
        as[lane] = a;
        bs[lane] = b;
        cs[lane] = c;
        const V got = box::fused::subtract_product(as, bs, cs);
        if (!same(got[lane], wanted)) report("vector", a, b, c, got[lane]);
        for (int k = 0; k < lanes; ++k)
            if (k != lane && !same(got[k], cs[k] - T(2.25))) report("neighbour", a, b, c, got[k]);
        if (const T whole = Bits<T>::any(a, b, c); !same(whole, wanted))
            report("whole numbers", a, b, c, whole);
    }

    T number(int low, int high) {
        const Word fraction = static_cast<Word>(random()) >> (sizeof(T) * 8 - kFraction);
        // Long runs of zeros and ones in a half of them: ties, and neighbours of ties.
        const int run = static_cast<int>(random() % static_cast<unsigned>(kFraction));
        const Word mask = (Word(1) << run) - 1;
        const unsigned kind = random() % 4;
        const Word bits = kind == 0 ? fraction & ~mask : kind == 1 ? fraction | mask : fraction;
        const T one = std::bit_cast<T>(std::bit_cast<Word>(T(1)) | bits);
        const int exponent = low + static_cast<int>(random() % static_cast<unsigned>(high - low));
        const T value = std::ldexp(one, exponent);
        return random() & 1 ? -value : value;
    }

    void all(long rounds) {
        using Limits = std::numeric_limits<T>;
        const int least = Limits::min_exponent - Limits::digits - 2, most = Limits::max_exponent;
        std::vector<T> special;
        for (const T x : {T(0), Limits::denorm_min(), 3 * Limits::denorm_min(), Limits::min(),
                          Limits::min() - Limits::denorm_min(), Limits::max(), Limits::infinity(),
                          T(1), 1 + Limits::epsilon(), 1 - Limits::epsilon() / 2, T(1.5), T(3),
                          Limits::max() / 2, Limits::epsilon(), Limits::epsilon() / 2,
                          std::sqrt(Limits::min()), std::sqrt(Limits::max()),
                          std::ldexp(T(1), Limits::digits), std::ldexp(T(1), least / 2)})
            for (const T y : {x, -x, std::nextafter(x, T(0)), std::nextafter(x, T(9))})
                special.push_back(y);
        special.push_back(Limits::quiet_NaN());
        for (const T a : special)
            for (const T b : special)
                for (const T c : special) check(a, b, c);
        for (long k = 0; k < rounds; ++k) {
            check(number(least, most), number(least, most), number(least, most));
            check(number(-9, 9), number(-9, 9), number(-20, 20));
            // At both ends of the range, and at the borders of the quick way.
            const int at = static_cast<int>(random() % static_cast<unsigned>(most - least)) + least;
            const T a = number(at - 1, at + 1);
            const int ends[] = {least, Limits::min_exponent, most - 1, most - 4, -960, 0};
            const int end = ends[random() % 6];
            const int left = end - at;
            const T b = number(left - 3, left + 4);
            check(a, b, number(end - 70, end + 4));
            // What is left when the product is taken off, and a little more or less.
            const T p = a * b;
            for (const T c : {p, std::nextafter(p, T(0)), std::nextafter(p, 2 * p), T(0), -p / 2,
                              p / 2, p * Limits::epsilon(), p / Limits::epsilon(),
                              std::ldexp(number(0, 1), std::ilogb(p) - Limits::digits - 1),
                              std::ldexp(number(0, 1), std::ilogb(p) + Limits::digits + 1)})
                check(a, b, c);
            // Products that are halfway between two numbers, and a hair beside.
            const Word odd = std::bit_cast<Word>(number(0, 1)) | 1;
            const T whole = std::bit_cast<T>(odd),
                    half = T(1) + std::ldexp(T(1), -Limits::digits / 2);
            check(whole, half, number(-120, 4));
            check(half, half, std::ldexp(number(0, 1), -2 * Limits::digits + int(random() % 9)));
        }
    }
};

int main(int, char** arguments) {
    const long rounds = std::atol(arguments[1]);
    Check<double> doubles;
    Check<float> floats;
    doubles.all(rounds);
    floats.all(rounds);
    std::printf("%ld float64, %ld wrong; %ld float32, %ld wrong\n", doubles.count, doubles.wrong,
                floats.count, floats.wrong);
    return doubles.wrong || floats.wrong;
}

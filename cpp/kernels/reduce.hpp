// Sums in a fixed order, whatever the ISA: element i of a block goes to lane i mod 16, and the
// sixteen double sums meet as (i, i + 8), (i, i + 4), (i, i + 2), (i, i + 1).
#pragma once
#include "core/types.hpp"
#include "simd/vec.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

constexpr int kLanes = 16;
constexpr int kDoubles = kVectorBytes / sizeof(double);
constexpr int kSums = kLanes / kDoubles;

SCHUSS_INLINE double meet(double* lanes) {
    for (int half = kLanes / 2; half > 0; half /= 2)
        for (int k = 0; k < half; ++k) lanes[k] = lanes[k] + lanes[k + half];
    return lanes[0];
}

// The lanes of a block, which takes its elements in pieces: whole rounds of kLanes, but the last.
struct LaneSums {
    Vector<double> sums[kSums] = {};
    double rest[kLanes] = {};  // squares of the elements past the last whole round
    int n_rest = 0;

    template <class T>
    SCHUSS_INLINE void add(const char* x, std::int64_t count, double scale) {
        constexpr std::int64_t size = sizeof(T);
        const Vector<double> by = broadcast<Vector<double>>(scale);
        const std::int64_t body = count / kLanes * kLanes;
        for (std::int64_t i = 0; i < body; i += kLanes)
            for (int s = 0; s < kSums; ++s) {
                const Vector<double> value = load_doubles<T>(x + (i + s * kDoubles) * size) * by;
                sums[s] = sums[s] + value * value;
            }
        for (std::int64_t i = body; i < count; ++i) {
            const double value = static_cast<double>(load<T>(x + i * size)) * scale;
            rest[n_rest++] = value * value;
        }
    }

    SCHUSS_INLINE double total() const {
        double lanes[kLanes];
        __builtin_memcpy(lanes, sums, sizeof lanes);
        for (int i = 0; i < n_rest; ++i) lanes[i] = lanes[i] + rest[i];
        return meet(lanes);
    }
};

// Blocks side by side were tried: no faster in cache, and a fifth slower out of it.
template <class T>
void sum_squares(const char* x, std::int64_t count, double scale, double* out) {
    for (std::int64_t begin = 0; begin < count; begin += kBlock) {
        LaneSums block;
        block.add<T>(x + begin * static_cast<std::int64_t>(sizeof(T)),
                     count - begin < kBlock ? count - begin : kBlock, scale);
        *out++ = block.total();
    }
}

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

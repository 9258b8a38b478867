// Sums over the points of a fit, in their order: cost, gradient and JᵀJ. Points come in blocks of
// rows, of which the first number is the value and the others are the derivatives.
#pragma once
#include "models/table.hpp"
#include "simd/elementary.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

constexpr int kLanes = kVectorBytes / sizeof(double);
constexpr std::int64_t kPointBlock = 16;

constexpr std::int64_t triangle(std::int64_t n) { return n * (n + 1) / 2; }

// |r|^2, J'r, and the lower triangle of J'J, row after row.
struct Sums {
    Reals *squares, *g, *h;
};

SCHUSS_INLINE Sums sums_at(Reals* space, std::int64_t n) {
    return {space, space + 1, space + 1 + n};
}
constexpr std::int64_t sums_size(std::int64_t n) { return 1 + n + triangle(n); }

// Rows j to j + kRows - 1 of the triangle, their sums in registers.
template <int j, int kRows>
void add_products(const Reals* block, std::int64_t count, std::int64_t width, const Sums& to) {
    Reals g[kRows], h[kRows][j + kRows];
    Reals* at = to.h + triangle(j);
#pragma GCC unroll 2
    for (int a = 0; a < kRows; ++a) {
        g[a] = to.g[j + a];
#pragma GCC unroll 16
        for (int k = 0; k <= j + a; ++k) h[a][k] = at[a * (j + 1) + k];
    }
    for (std::int64_t i = 0; i < count; ++i, block += width) {
        const Reals* d = block + 1;
#pragma GCC unroll 2
        for (int a = 0; a < kRows; ++a) {
            g[a] = g[a] + d[j + a] * block[0];
#pragma GCC unroll 16
            for (int k = 0; k <= j + a; ++k) h[a][k] = h[a][k] + d[j + a] * d[k];
        }
    }
#pragma GCC unroll 2
    for (int a = 0; a < kRows; ++a) {
        to.g[j + a] = g[a];
#pragma GCC unroll 16
        for (int k = 0; k <= j + a; ++k) at[a * (j + 1) + k] = h[a][k];
    }
}

template <int j = 0>
SCHUSS_INLINE void add_all_products(const Reals* block, std::int64_t count, std::int64_t n,
                                    const Sums& to) {
    if constexpr (j < kMostParameters) {
        if (j + 1 < n) {
            add_products<j, 2>(block, count, n + 1, to);
            add_all_products<j + 2>(block, count, n, to);
        } else if (j < n) {
            add_products<j, 1>(block, count, n + 1, to);
        }
    }
}

// Rows of a block are multiplied by weights, if there are any.
SCHUSS_INLINE void weigh(Reals* block, std::int64_t count, std::int64_t width,
                         const Reals* weights) {
    if (!weights) return;
    for (std::int64_t i = 0; i < count; ++i)
        for (std::int64_t k = 0; k < width; ++k)
            block[i * width + k] = block[i * width + k] * weights[i];
}

// Values become residuals, and the block goes into the sums.
SCHUSS_INLINE void add_block(Reals* block, std::int64_t count, std::int64_t n, const Reals* y,
                             const Reals* weights, const Sums& to) {
    for (std::int64_t i = 0; i < count; ++i) block[i * (n + 1)] = block[i * (n + 1)] - y[i];
    weigh(block, count, n + 1, weights);
    for (std::int64_t i = 0; i < count; ++i) {
        const Reals r = block[i * (n + 1)];
        *to.squares = *to.squares + r * r;
    }
    add_all_products(block, count, n, to);
}

// The sum of a * b over the rows of a block, from the first row on in turn into four sums: one
// would wait for each addition.
SCHUSS_INLINE Reals column_product(const Reals* a, const Reals* b, std::int64_t count,
                                   std::int64_t width) {
    Reals sums[4]{};
    std::int64_t i = 0;
    for (; i + 4 <= count; i += 4, a += 4 * width, b += 4 * width)
        for (int k = 0; k < 4; ++k) sums[k] = sums[k] + a[k * width] * b[k * width];
    for (int k = 0; i + k < count; ++k) sums[k] = sums[k] + a[k * width] * b[k * width];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// L = R' of J = Q R takes in the rows of a block: Householder reflections of R's diagonal and the
// block's columns.
SCHUSS_INLINE void reflect(Reals* block, std::int64_t count, std::int64_t n, Reals* l) {
    const Reals zero{}, one = broadcast<Reals>(1.0);
    const std::int64_t width = n + 1;
    for (std::int64_t j = 0; j < n; ++j) {
        Reals* column = block + 1 + j;
        const Reals alpha = l[triangle(j) + j];
        const Reals squares = alpha * alpha + column_product(column, column, count, width);
        const Reals norm = sqrt(squares), beta = select(alpha < 0.0, norm, -norm);
        const auto some = norm > 0.0;
        const Reals tau = select(some, (beta - alpha) / select(some, beta, one), zero);
        const Reals scale = select(some, 1.0 / select(some, alpha - beta, one), zero);
        for (std::int64_t i = 0; i < count; ++i) column[i * width] = column[i * width] * scale;
        l[triangle(j) + j] = beta;
        for (std::int64_t k = j + 1; k < n; ++k) {
            Reals* other = block + 1 + k;
            Reals& top = l[triangle(k) + j];
            const Reals sum = (top + column_product(column, other, count, width)) * tau;
            top = top - sum;
            for (std::int64_t i = 0; i < count; ++i)
                other[i * width] = other[i * width] - column[i * width] * sum;
        }
    }
}

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

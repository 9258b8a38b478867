// One tile of a symmetric matrix: the update that is due and the product, in one read and write.
#pragma once
#include "core/types.hpp"
#include "kernels/reduce.hpp"
#include "simd/vec.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

// Row sums go to 16 lanes by column; column sums take the rows in order. Two rows at a time share
// what is loaded of the columns.
template <int kPairs, bool kColumns, int kRows>
SCHUSS_INLINE void tile_rows(const TileWork& by, int first) {
    using V = Vector<double>;
    const auto vector = [](const double* from, int c) {
        return load<V>(reinterpret_cast<const char*>(from + c));
    };
    const auto keep = [](double* to, V value) { store(reinterpret_cast<char*>(to), value); };
    double* const a = by.a + first * kMatrixTile;
    V sums[kRows][kSums] = {};
    for (int c = 0; c < kMatrixTile; c += kDoubles) {
        V value[kRows];
        for (int r = 0; r < kRows; ++r) value[r] = vector(a + r * kMatrixTile, c);
        if constexpr (kPairs > 0) {
            for (int r = 0; r < kRows; ++r) value[r] = by.scale * value[r];
            for (int k = 0; k < kPairs; ++k) {
                const V s = vector(by.column.s[k], c), w = vector(by.column.w[k], c);
                for (int r = 0; r < kRows; ++r)
                    value[r] = value[r] + (by.row.s[k][first + r] * w + by.row.w[k][first + r] * s);
            }
            for (int r = 0; r < kRows; ++r) keep(a + r * kMatrixTile + c, value[r]);
        }
        const V v = vector(by.column.v, c);
        for (int r = 0; r < kRows; ++r) {
            V& sum = sums[r][c / kDoubles % kSums];
            sum = sum + value[r] * v;
        }
        if constexpr (kColumns) {
            V down = vector(by.down_columns, c);
            for (int r = 0; r < kRows; ++r) down = down + value[r] * by.row.v[first + r];
            keep(by.down_columns + c, down);
        }
    }
    for (int r = 0; r < kRows; ++r) {
        double lanes[kLanes];
        __builtin_memcpy(lanes, sums[r], sizeof lanes);
        by.along_rows[first + r] = meet(lanes);
    }
}

template <int kPairs, bool kColumns>
void tile_with(const TileWork& by) {
    constexpr int kTogether = kSums <= 2 ? 4 : 2;  // what the registers hold
    int r = 0;
    for (; r + kTogether <= by.n_rows; r += kTogether)
        tile_rows<kPairs, kColumns, kTogether>(by, r);
    for (; r < by.n_rows; ++r) tile_rows<kPairs, kColumns, 1>(by, r);
}

void multiply_tile(const TileWork& by) {
    if (by.down_columns)
        for (int c = 0; c < kMatrixTile; ++c) by.down_columns[c] = 0.0;
    if (by.pairs == 2)
        by.down_columns ? tile_with<2, true>(by) : tile_with<2, false>(by);
    else if (by.pairs == 1)
        by.down_columns ? tile_with<1, true>(by) : tile_with<1, false>(by);
    else
        by.down_columns ? tile_with<0, true>(by) : tile_with<0, false>(by);
}

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

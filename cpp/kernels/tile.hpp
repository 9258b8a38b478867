// One tile of a symmetric matrix: the update that is due and the product, in one read and write.
#pragma once
#include "core/types.hpp"
#include "kernels/reduce.hpp"
#include "simd/vec.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

// Row sums go to 16 lanes by column; column sums take the rows in order.
template <int kPairs, bool kColumns>
SCHUSS_INLINE void tile_rows(const TileWork& by) {
    using V = Vector<double>;
    const auto vector = [](const double* from, int c) {
        return load<V>(reinterpret_cast<const char*>(from + c));
    };
    for (int r = 0; r < by.n_rows; ++r) {
        double* a = by.a + r * kMatrixTile;
        const double v = by.row.v[r];
        V sums[kSums] = {};
        for (int c = 0; c < kMatrixTile; c += kDoubles) {
            V value = vector(a, c);
            if constexpr (kPairs > 0) {
                value = by.scale * value;
                for (int k = 0; k < kPairs; ++k)
                    value = value + (by.row.s[k][r] * vector(by.column.w[k], c) +
                                     by.row.w[k][r] * vector(by.column.s[k], c));
                store(reinterpret_cast<char*>(a + c), value);
            }
            V& sum = sums[c / kDoubles % kSums];
            sum = sum + value * vector(by.column.v, c);
            if constexpr (kColumns) {
                double* to = by.down_columns + c;
                store(reinterpret_cast<char*>(to), vector(to, 0) + value * v);
            }
        }
        double lanes[kLanes];
        __builtin_memcpy(lanes, sums, sizeof lanes);
        by.along_rows[r] = meet(lanes);
    }
}

void multiply_tile(const TileWork& by) {
    if (by.down_columns)
        for (int c = 0; c < kMatrixTile; ++c) by.down_columns[c] = 0.0;
    if (by.pairs == 2)
        by.down_columns ? tile_rows<2, true>(by) : tile_rows<2, false>(by);
    else if (by.pairs == 1)
        by.down_columns ? tile_rows<1, true>(by) : tile_rows<1, false>(by);
    else
        by.down_columns ? tile_rows<0, true>(by) : tile_rows<0, false>(by);
}

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

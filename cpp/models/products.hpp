// Sums of products of the columns of tall matrices, in registers while they go down the rows. Every
// sum takes the rows in order, in a lane of its own, so it has the same bits on every ISA.
#pragma once
#include "models/sums.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

template <int kHeight, int kVectors>
void add_tile(const TallTile& tile, std::int64_t rows) {
    Reals sums[kHeight][kVectors];
    for (int i = 0; i < kHeight; ++i)
        for (int v = 0; v < kVectors; ++v)
            sums[i][v] =
                load<Reals>(reinterpret_cast<const char*>(tile.sums + (i * 2 + v) * kLanes));
    const double *left = tile.left, *right = tile.right;
    for (; rows > 0; --rows, left += tile.left_next, right += tile.right_next) {
        Reals row[kVectors];
        for (int v = 0; v < kVectors; ++v)
            row[v] = load<Reals>(reinterpret_cast<const char*>(right + v * kLanes));
        for (int i = 0; i < kHeight; ++i)
            for (int v = 0; v < kVectors; ++v)
                sums[i][v] = sums[i][v] + broadcast<Reals>(left[i]) * row[v];
    }
    for (int i = 0; i < kHeight; ++i)
        for (int v = 0; v < kVectors; ++v)
            store(reinterpret_cast<char*>(tile.sums + (i * 2 + v) * kLanes), sums[i][v]);
}

template <int kVectors>
constexpr decltype(&add_tile<1, 1>) kTiles[kTileHeight] = {
    add_tile<1, kVectors>, add_tile<2, kVectors>, add_tile<3, kVectors>, add_tile<4, kVectors>};

void add_tall_tile(const TallTile& tile, std::int64_t rows) {
    const auto& of_height = tile.width > kLanes ? kTiles<2> : kTiles<1>;
    of_height[tile.height - 1](tile, rows);
}

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

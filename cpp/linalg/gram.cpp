#include "linalg/gram.hpp"

#include <algorithm>

#include "runtime/share.hpp"

namespace schuss {
namespace {

// Sums that stay in registers while they go down a stretch of rows; a stretch of 250 columns is
// still in the second cache when the next tile wants it.
constexpr std::int64_t kTile = 4, kStretch = 128;

struct Tile {
    std::int64_t i, j, height, width;
};

// The sums of one tile over a stretch of rows, of so many columns each.
template <bool kWhole>
void add_products(const double* a, std::int64_t rows, std::int64_t columns, const Tile& tile,
                  double (&sums)[kTile][kTile]) {
    const std::int64_t height = kWhole ? kTile : tile.height, width = kWhole ? kTile : tile.width;
    for (const double* row = a; row < a + rows * columns; row += columns)
        for (std::int64_t i = 0; i < height; ++i)
            for (std::int64_t j = 0; j < width; ++j)
                sums[i][j] += row[tile.i + i] * row[tile.j + j];
}

}  // namespace

void gram(const TallMatrix& a, double* triangle) {
    const std::int64_t n = a.columns, strips = (n + kTile - 1) / kTile;
    std::fill_n(triangle, n * (n + 1) / 2, 0.0);
    const double products =
        static_cast<double>(a.rows) * static_cast<double>(n) * static_cast<double>(n) / 2.0;
    const int threads = threads_for(strips, {.products = products});
    share_largest_first(threads, 0, strips, [&](int, std::int64_t strip) {
        for (std::int64_t first = 0; first < a.rows; first += kStretch)
            for (std::int64_t j = 0; j <= strip * kTile; j += kTile) {
                const Tile tile{strip * kTile, j, std::min(kTile, n - strip * kTile),
                                std::min(kTile, n - j)};
                double sums[kTile][kTile] = {};
                const auto each = [&](const auto& f) {
                    for (std::int64_t i = tile.i; i < tile.i + tile.height; ++i)
                        for (std::int64_t k = j; k < std::min(j + tile.width, i + 1); ++k)
                            f(sums[i - tile.i][k - j], triangle[i * (i + 1) / 2 + k]);
                };
                each([](double& sum, double& element) { sum = element; });
                const double* top = a.data + first * n;
                const std::int64_t rows = std::min(kStretch, a.rows - first);
                if (tile.height == kTile && tile.width == kTile)
                    add_products<true>(top, rows, n, tile, sums);
                else
                    add_products<false>(top, rows, n, tile, sums);
                each([](double& sum, double& element) { element = sum; });
            }
    });
}

void multiply_transposed(const TallMatrix& a, const double* b, double* product) {
    std::fill_n(product, a.columns, 0.0);
    for (std::int64_t i = 0; i < a.rows; ++i)
        for (std::int64_t j = 0; j < a.columns; ++j) product[j] += a.data[i * a.columns + j] * b[i];
}

}  // namespace schuss

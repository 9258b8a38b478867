#include "linalg/gram.hpp"

#include <algorithm>
#include <vector>

#include "dispatch/dispatch.hpp"
#include "runtime/share.hpp"

namespace schuss {
namespace {

// A stretch of 250 columns is still in the second cache when the next tile wants it.
constexpr std::int64_t kStretch = 128;

// f(first row, row, rows) for stretches of a's rows. Tiles read whole vectors, also beyond the last
// column: the last rows stand once more before zeros that may be read.
template <class F>
void each_stretch(const TallMatrix& a, std::int64_t tile_width, const F& f) {
    const std::int64_t n = a.columns, kept = std::min(a.rows, (n - 1 + tile_width + n - 1) / n);
    const std::int64_t inside = a.rows - kept;
    for (std::int64_t row = 0; row < inside; row += kStretch)
        f(row, a.data + row * n, std::min(kStretch, inside - row));
    std::vector<double> last(static_cast<std::size_t>(kept * n + tile_width));
    std::copy_n(a.data + inside * n, kept * n, last.begin());
    f(inside, last.data(), kept);
}

}  // namespace

void gram(const TallMatrix& a, const double* b, double* triangle, double* product) {
    const ModelTable& table = lane_models();
    const std::int64_t n = a.columns, width = table.tile_width,
                       strips = (n + kTileHeight - 1) / kTileHeight;
    std::fill_n(triangle, n * (n + 1) / 2, 0.0);
    std::vector<double> sums_b(static_cast<std::size_t>(n + width));

    const auto add_strip = [&](std::int64_t strip, const double* data, std::int64_t rows) {
        const std::int64_t top = strip * kTileHeight, end = std::min(n, top + kTileHeight);
        for (std::int64_t j = 0; j < end; j += width) {
            double sums[kTileHeight * kMostTileWidth] = {};
            const auto each = [&](const auto& f) {
                for (std::int64_t i = top; i < end; ++i)
                    for (std::int64_t k = j; k < std::min(j + width, i + 1); ++k)
                        f(sums[(i - top) * width + k - j], triangle[i * (i + 1) / 2 + k]);
            };
            each([](double& sum, double& element) { sum = element; });
            table.add_tile({data + top, n, static_cast<int>(end - top), data + j, n,
                            static_cast<int>(std::min(width, end - j)), sums},
                           rows);
            each([](double& sum, double& element) { element = sum; });
        }
    };

    const double products =
        static_cast<double>(a.rows) * static_cast<double>(n) * static_cast<double>(n) / 2.0;
    const int threads = threads_for(strips, {.products = products});
    parallel_for(threads, [&](int thread) {
        each_stretch(a, width, [&](std::int64_t first, const double* data, std::int64_t rows) {
            for (std::int64_t strip = thread; strip < strips; strip += threads)
                add_strip(strip, data, rows);
            for (std::int64_t j = 0; thread == 0 && j < n; j += width)
                table.add_tile({b + first, 1, 1, data + j, n,
                                static_cast<int>(std::min(width, n - j)), sums_b.data() + j},
                               rows);
        });
    });
    std::copy_n(sums_b.data(), n, product);
}

}  // namespace schuss

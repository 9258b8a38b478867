#include "steps/symmetric.hpp"

#include <algorithm>
#include <cmath>

#include "dispatch/dispatch.hpp"
#include "runtime/share.hpp"

namespace schuss {
namespace {

std::int64_t triangle(std::int64_t n) { return n * (n + 1) / 2; }

}  // namespace

Symmetric::Symmetric(std::int64_t n)
    : n_(n),
      tiles_((n + kMatrixTile - 1) / kMatrixTile),
      a_(triangle(tiles_) * kMatrixTile * kMatrixTile, kFloat64, 0),
      shares_(static_cast<std::size_t>(triangle(tiles_) * 2 * kMatrixTile)) {
    for (auto* vectors : {&s_, &w_})
        for (std::vector<double>& vector : *vectors)
            vector.resize(static_cast<std::size_t>(padded()));
}

double* Symmetric::tile(std::int64_t row, std::int64_t column) const {
    return a_.doubles() + (triangle(row) + column) * kMatrixTile * kMatrixTile;
}

double& Symmetric::element(std::int64_t i, std::int64_t j) const {
    return tile(i / kMatrixTile, j / kMatrixTile)[i % kMatrixTile * kMatrixTile + j % kMatrixTile];
}

void Symmetric::set_identity(double scale) {
    std::fill_n(a_.doubles(), a_.size(), 0.0);
    for (std::int64_t i = 0; i < n_; ++i) element(i, i) = scale;
    waiting_ = 0;
}

void Symmetric::set(const double* a) {
    std::fill_n(a_.doubles(), a_.size(), 0.0);
    for (std::int64_t i = 0; i < n_; ++i)
        for (std::int64_t j = 0; j < n_; ++j)
            if (i / kMatrixTile >= j / kMatrixTile)
                element(i, j) = a[std::max(i, j) * n_ + std::min(i, j)];
    waiting_ = 0;
}

void Symmetric::multiply(const double* v, double* out) {
    const std::int64_t count = triangle(tiles_);
    const int threads = threads_for(count, {.products = 2.0 * static_cast<double>(a_.size())});
    const TileKernel kernel = kernels().tile;
    const auto vectors = [&](std::int64_t tile) {
        const std::int64_t first = tile * kMatrixTile;
        return TileVectors{{s_[0].data() + first, s_[1].data() + first},
                           {w_[0].data() + first, w_[1].data() + first},
                           v + first};
    };
    share_evenly(threads, count, [&](int, std::int64_t k, std::int64_t end) {
        std::int64_t row = 0;
        while (triangle(row + 1) <= k) ++row;
        for (std::int64_t column = k - triangle(row); k < end; ++k, ++column) {
            if (column > row) {
                ++row;
                column = 0;
            }
            double* share = shares_.data() + k * 2 * kMatrixTile;
            kernel({tile(row, column), vectors(row), vectors(column),
                    static_cast<int>(std::min<std::int64_t>(kMatrixTile, n_ - row * kMatrixTile)),
                    waiting_, scale_, share, row == column ? nullptr : share + kMatrixTile});
        }
    });
    waiting_ = 0;
    // Shares are added up in the order of the tiles, whoever worked them out.
    std::fill_n(out, padded(), 0.0);
    const double* share = shares_.data();
    for (std::int64_t row = 0; row < tiles_; ++row)
        for (std::int64_t column = 0; column <= row; ++column, share += 2 * kMatrixTile) {
            const std::int64_t rows = std::min<std::int64_t>(kMatrixTile, n_ - row * kMatrixTile);
            for (std::int64_t i = 0; i < rows; ++i) out[row * kMatrixTile + i] += share[i];
            if (row != column)
                for (std::int64_t j = 0; j < kMatrixTile; ++j)
                    out[column * kMatrixTile + j] += share[kMatrixTile + j];
        }
}

double Symmetric::at(std::int64_t i, std::int64_t j) const {
    if (i < j) std::swap(i, j);
    double value = element(i, j);
    const auto a = static_cast<std::size_t>(i), b = static_cast<std::size_t>(j);
    if (waiting_ > 0) value *= scale_;
    for (std::size_t k = 0; k < static_cast<std::size_t>(waiting_); ++k)
        value = value + (s_[k][a] * w_[k][b] + w_[k][a] * s_[k][b]);
    return value;
}

void Symmetric::visit(Archive& archive) {
    archive(a_, s_[0], s_[1], w_[0], w_[1], waiting_, scale_);
}

}  // namespace schuss

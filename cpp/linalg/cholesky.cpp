#include "linalg/cholesky.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "dispatch/dispatch.hpp"
#include "runtime/share.hpp"
#include "runtime/states.hpp"

namespace schuss {

Cholesky::Cholesky(std::int64_t n, DType dtype)
    : n_(n),
      dtype_(dtype),
      kernels_(&dense().panels[dtype]),
      panels_((n + kernels_->rows - 1) / kernels_->rows) {}

std::int64_t Cholesky::bytes() const { return (elements() + padded()) * size_of(dtype_); }

std::int64_t Cholesky::elements() const {
    return kernels_->rows * kernels_->rows * (panels_ * (panels_ + 1) / 2);
}

void Cholesky::use(char* space) {
    data_ = space;
    inverse_ = space + elements() * size_of(dtype_);
}

char* Cholesky::at(std::int64_t i, std::int64_t k) const {
    const std::int64_t rows = kernels_->rows, p = i / rows;
    return data_ + (rows * rows * (p * (p + 1) / 2) + k * rows + i % rows) * size_of(dtype_);
}

// Pieces first to end - 1, to as many threads as so many products are worth.
template <class F>
void Cholesky::share(std::int64_t first, std::int64_t end, double products, const F& f) const {
    share_largest_first(parallel ? threads_for(end - first, {.products = products}) : 1, first, end,
                        [&](int, std::int64_t piece) { f(piece); });
}

std::int64_t Cholesky::factor(const Strided& a, double shift) {
    carried_ = 0;
    pack(a, shift);
    return factor_packed();
}

std::int64_t Cholesky::factor(const Strided& a, const Strided& b, std::int64_t columns) {
    pack(a, 0.0);
    carried_ = columns <= panels_ * kernels_->rows - n_ ? columns : 0;
    const std::int64_t size = size_of(dtype_);
    for (std::int64_t c = 0; c < carried_; ++c) {
        char* to = at(n_ + c, 0);
        const char* from = b.data + c * b.column;
        for (std::int64_t k = 0; k < n_; ++k, to += kernels_->rows * size, from += b.row)
            std::memcpy(to, from, static_cast<std::size_t>(size));
    }
    return factor_packed();
}

void Cholesky::pack(const Strided& a, double shift) {
    const auto order = static_cast<double>(n_);
    share(0, panels_, order * order / 2.0,
          [&](std::int64_t p) { kernels_->pack(a, n_, p, shift, data_); });
}

std::int64_t Cholesky::factor_packed() {
    const std::int64_t rows = kernels_->rows, block = kernels_->block, height = n_ + carried_;
    for (std::int64_t first = 0; first < n_; first += block) {
        const std::int64_t end = std::min(first + block, n_), below = (end + rows - 1) / rows;
        for (std::int64_t p = first / rows; p < below; ++p)
            if (const std::int64_t failed = kernels_->factor(data_, inverse_, n_, height, p, first);
                failed >= 0)
                return failed;
        if (below == panels_) break;
        const auto left = static_cast<double>(n_ - end);
        share(below, panels_, left * static_cast<double>(block * block) / 2.0,
              [&](std::int64_t p) { kernels_->factor(data_, inverse_, n_, height, p, first); });
        share(below, panels_, left * left * static_cast<double>(block) / 2.0,
              [&](std::int64_t p) { kernels_->update(data_, n_, p, first); });
    }
    return -1;
}

double Cholesky::element(std::int64_t i, std::int64_t k) const {
    const char* from = at(i, k);
    if (dtype_ == kFloat64) return *reinterpret_cast<const double*>(from);
    return *reinterpret_cast<const float*>(from);
}

void Cholesky::write(const Strided& l) const {
    const auto order = static_cast<double>(n_);
    share(0, panels_, order * order / 2.0,
          [&](std::int64_t p) { kernels_->unpack(data_, n_, p, l); });
}

void Cholesky::forward(char* y, std::int64_t order) const {
    kernels_->forward(data_, inverse_, order, y);
}

void Cholesky::backward(char* y, std::int64_t order) const {
    kernels_->backward(data_, inverse_, order, y);
}

void Cholesky::solve(const Strided& b, const Strided& x, std::int64_t columns) const {
    dtype_ == kFloat64 ? solve_in<double>(b, x, columns) : solve_in<float>(b, x, columns);
}

template <class T>
void Cholesky::solve_in(const Strided& b, const Strided& x, std::int64_t columns) const {
    const auto order = static_cast<double>(n_);
    std::vector<std::vector<T>> arrived = take_carried<T>();
    share(0, columns, order * order * static_cast<double>(columns), [&](std::int64_t c) {
        std::vector<T> y;
        if (carried_ > 0) {
            y = std::move(arrived[static_cast<std::size_t>(c)]);
        } else {
            y.resize(static_cast<std::size_t>(padded()));
            for (std::int64_t i = 0; i < n_; ++i)
                std::memcpy(&y[static_cast<std::size_t>(i)], b.data + i * b.row + c * b.column,
                            sizeof(T));
            forward(reinterpret_cast<char*>(y.data()), n_);
        }
        backward(reinterpret_cast<char*>(y.data()), n_);
        for (std::int64_t i = 0; i < n_; ++i)
            std::memcpy(x.data + i * x.row + c * x.column, &y[static_cast<std::size_t>(i)],
                        sizeof(T));
    });
}

template <class T>
std::vector<std::vector<T>> Cholesky::take_carried() const {
    std::vector<std::vector<T>> arrived(static_cast<std::size_t>(carried_));
    for (std::size_t c = 0; c < arrived.size(); ++c) {
        arrived[c].resize(static_cast<std::size_t>(padded()));
        T* from = reinterpret_cast<T*>(at(n_ + static_cast<std::int64_t>(c), 0));
        for (std::int64_t k = 0; k < n_; ++k)
            arrived[c][static_cast<std::size_t>(k)] = std::exchange(from[k * kernels_->rows], T{});
    }
    return arrived;
}

}  // namespace schuss

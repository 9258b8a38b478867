#include "linalg/cholesky.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "dispatch/dispatch.hpp"
#include "runtime/fetch.hpp"
#include "runtime/float_environment.hpp"
#include "runtime/memory.hpp"
#include "runtime/parallel.hpp"
#include "runtime/states.hpp"

namespace schuss {
namespace {

// Multiplications that a thread should have before it is worth waking.
constexpr double kGrain = 2e5;

// Threads that so many multiplications keep busy, no more than there are pieces.
int tasks_for(std::int64_t pieces, double work) {
    const double most = std::min<double>(get_num_threads(), static_cast<double>(pieces));
    return static_cast<int>(std::clamp(work / kGrain, 1.0, std::max(most, 1.0)));
}

// Tasks [from, to), the largest index first, to whoever is free.
template <class F>
void share(bool parallel, std::int64_t from, std::int64_t to, double work, const F& task) {
    const int tasks = parallel ? tasks_for(to - from, work) : 1;
    if (tasks == 1) {
        for (std::int64_t k = to; k-- > from;) task(k);
        return;
    }
    std::atomic<std::int64_t> next{to};
    parallel_for(tasks, [&](int) {
        const FloatEnvironment pinned;
        for (std::int64_t k; (k = --next) >= from;) task(k);
    });
}

}  // namespace

Cholesky::Cholesky(std::int64_t n, DType dtype)
    : n_(n),
      dtype_(dtype),
      kernels_(dense().panels[dtype]),
      panels_((n + kernels_.rows - 1) / kernels_.rows) {}

std::int64_t Cholesky::bytes() const { return (elements() + padded()) * size_of(dtype_); }

std::int64_t Cholesky::elements() const {
    return kernels_.rows * kernels_.rows * (panels_ * (panels_ + 1) / 2);
}

void Cholesky::use(char* space) {
    data_ = space;
    inverse_ = space + elements() * size_of(dtype_);
}

char* Cholesky::at(std::int64_t i, std::int64_t k) const {
    const std::int64_t rows = kernels_.rows, p = i / rows;
    return data_ + (rows * rows * (p * (p + 1) / 2) + k * rows + i % rows) * size_of(dtype_);
}

std::int64_t Cholesky::factor(const Strided& a, double shift) {
    along_ = 0;
    pack(a, shift);
    return factor_packed();
}

std::int64_t Cholesky::factor(const Strided& a, const Strided& b, std::int64_t columns) {
    pack(a, 0.0);
    along_ = columns <= panels_ * kernels_.rows - n_ ? columns : 0;
    const std::int64_t size = size_of(dtype_);
    for (std::int64_t c = 0; c < along_; ++c) {
        char* to = at(n_ + c, 0);
        const char* from = b.data + c * b.column;
        for (std::int64_t k = 0; k < n_; ++k, to += kernels_.rows * size, from += b.row)
            std::memcpy(to, from, static_cast<std::size_t>(size));
    }
    return factor_packed();
}

void Cholesky::pack(const Strided& a, double shift) {
    const FloatEnvironment pinned;
    const auto order = static_cast<double>(n_);
    share(parallel, 0, panels_, order * order / 2.0,
          [&](std::int64_t p) { kernels_.pack(a, n_, p, shift, data_); });
}

std::int64_t Cholesky::factor_packed() {
    const FloatEnvironment pinned;
    const std::int64_t rows = kernels_.rows, block = kernels_.block, height = n_ + along_;
    for (std::int64_t first = 0; first < n_; first += block) {
        const std::int64_t end = std::min(first + block, n_), below = (end + rows - 1) / rows;
        for (std::int64_t p = first / rows; p < below; ++p)
            if (const std::int64_t failed = kernels_.factor(data_, inverse_, n_, height, p, first);
                failed >= 0)
                return failed;
        if (below == panels_) break;
        const auto left = static_cast<double>(n_ - end);
        share(parallel, below, panels_, left * static_cast<double>(block * block) / 2.0,
              [&](std::int64_t p) { kernels_.factor(data_, inverse_, n_, height, p, first); });
        share(parallel, below, panels_, left * left * static_cast<double>(block) / 2.0,
              [&](std::int64_t p) { kernels_.update(data_, n_, p, first); });
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
    share(parallel, 0, panels_, order * order / 2.0,
          [&](std::int64_t p) { kernels_.unpack(data_, n_, p, l); });
}

void Cholesky::forward(char* y, std::int64_t order) const {
    kernels_.forward(data_, inverse_, order, y);
}

void Cholesky::backward(char* y, std::int64_t order) const {
    kernels_.backward(data_, inverse_, order, y);
}

void Cholesky::solve(const Strided& b, const Strided& x, std::int64_t columns) const {
    dtype_ == kFloat64 ? solve_in<double>(b, x, columns) : solve_in<float>(b, x, columns);
}

template <class T>
void Cholesky::solve_in(const Strided& b, const Strided& x, std::int64_t columns) const {
    const auto order = static_cast<double>(n_);
    std::vector<std::vector<T>> arrived = take_along<T>();
    share(parallel, 0, columns, order * order * static_cast<double>(columns), [&](std::int64_t c) {
        std::vector<T> y;
        if (along_ > 0) {
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
std::vector<std::vector<T>> Cholesky::take_along() const {
    std::vector<std::vector<T>> arrived(static_cast<std::size_t>(along_));
    for (std::size_t c = 0; c < arrived.size(); ++c) {
        arrived[c].resize(static_cast<std::size_t>(padded()));
        T* from = reinterpret_cast<T*>(at(n_ + static_cast<std::int64_t>(c), 0));
        for (std::int64_t k = 0; k < n_; ++k)
            arrived[c][static_cast<std::size_t>(k)] = std::exchange(from[k * kernels_.rows], T{});
    }
    return arrived;
}

namespace {

LaneWork systems_from(const LaneWork& first, std::int64_t k) {
    LaneWork work = first;
    work.a.data += k * work.a_next;
    if (work.b.data) {
        work.b.data += k * work.b_next;
        work.x.data += k * work.x_next;
    }
    if (work.l.data) work.l.data += k * work.l_next;
    return work;
}

void solve_in_lanes(DType dtype, const LaneWork& first, std::int64_t count, double each,
                    std::int64_t* failed) {
    const DenseTable& table = dense();
    const std::int64_t lanes = table.lanes[dtype], groups = (count + lanes - 1) / lanes;
    const int tasks = tasks_for(groups, each * static_cast<double>(count));
    parallel_for(tasks, [&](int task) {
        const FloatEnvironment pinned;
        const Scratch space(lane_bytes(first.n));
        for (std::int64_t g = groups * task / tasks; g < groups * (task + 1) / tasks; ++g) {
            LaneWork work = systems_from(first, g * lanes);
            work.count = static_cast<int>(std::min(lanes, count - g * lanes));
            work.space = space.get();
            work.failed = failed + g * lanes;
            // The next systems, where they lie together: gathering them element by element is more
            // than the hardware fetches ahead by itself (n = 8: 1.7 times as fast).
            const LaneWork next = systems_from(first, (g + 1) * lanes);
            fetch(next.a.data, std::min(lanes * next.a_next, kMostFetched));
            if (next.b.data) {
                fetch(next.b.data, std::min(lanes * next.b_next, kMostFetched));
                fetch(next.x.data, std::min(lanes * next.x_next, kMostFetched));
            }
            table.solve_lanes[dtype](work);
        }
    });
}

}  // namespace

std::int64_t lane_bytes(std::int64_t n) { return (n * (n + 1) / 2 + 2 * n) * kDenseVector; }

void solve_systems(DType dtype, const LaneWork& first, std::int64_t count, std::int64_t* failed) {
    const auto n = static_cast<double>(first.n);
    const double each = n * n * (n / 6.0 + static_cast<double>(first.b_columns) + 1.0);
    if (count > 1 && first.n <= kLaneOrder)
        return solve_in_lanes(dtype, first, count, each, failed);
    // Many small ones are shared out whole; the threads meet within few large ones.
    const int tasks =
        count < get_num_threads() ? 1 : tasks_for(count, each * static_cast<double>(count));
    parallel_for(tasks, [&](int task) {
        Cholesky cholesky(first.n, dtype);
        const Scratch space(cholesky.bytes());
        cholesky.use(space.get());
        cholesky.parallel = tasks == 1;
        for (std::int64_t k = count * task / tasks; k < count * (task + 1) / tasks; ++k) {
            const LaneWork work = systems_from(first, k);
            failed[k] = work.b.data ? cholesky.factor(work.a, work.b, work.b_columns)
                                    : cholesky.factor(work.a);
            if (failed[k] >= 0) continue;
            if (work.l.data) cholesky.write(work.l);
            if (work.b.data) cholesky.solve(work.b, work.x, work.b_columns);
        }
    });
}

}  // namespace schuss

#include "linalg/systems.hpp"

#include <algorithm>

#include "dispatch/dispatch.hpp"
#include "linalg/cholesky.hpp"
#include "runtime/fetch.hpp"
#include "runtime/float_environment.hpp"
#include "runtime/memory.hpp"
#include "runtime/share.hpp"

namespace schuss {
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
    const int threads = threads_for(groups, {.products = each * static_cast<double>(count)});
    share_evenly(threads, groups, [&](int, std::int64_t begin, std::int64_t end) {
        const Scratch space(lane_bytes(first.n));
        for (std::int64_t g = begin; g < end; ++g) {
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
    const FloatEnvironment pinned;
    const auto n = static_cast<double>(first.n);
    const double each = n * n * (n / 6.0 + static_cast<double>(first.b_columns) + 1.0);
    if (count > 1 && first.n <= kLaneOrder)
        return solve_in_lanes(dtype, first, count, each, failed);
    // Many small ones are shared out whole; the threads meet within few large ones.
    const Work all{.products = each * static_cast<double>(count)};
    const int threads = count < get_num_threads() ? 1 : threads_for(count, all);
    share_evenly(threads, count, [&](int, std::int64_t begin, std::int64_t end) {
        Cholesky cholesky(first.n, dtype);
        const Scratch space(cholesky.bytes());
        cholesky.use(space.get());
        cholesky.parallel = threads == 1;
        for (std::int64_t k = begin; k < end; ++k) {
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

// Work shared out among threads: how many of them it is worth waking for, and who does what.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

#include "runtime/parallel.hpp"

namespace schuss {

// Bytes of memory that work goes through, and products that it adds up from cache.
struct Work {
    double bytes = 0.0, products = 0.0;
};

// What a thread should have before it is worth waking. With a quarter of the bytes a quiet machine
// is twice as fast (L-BFGS, n = 20,000), but where BLAS threads spin one is 10 to 25 times as slow
// (Newton-CG, n = 200,000).
constexpr Work kWorthAThread{1 << 22, 1 << 18};

// Threads for so much work, no more than there are pieces.
inline int threads_for(std::int64_t pieces, const Work& work) {
    const double threads =
        work.bytes / kWorthAThread.bytes + work.products / kWorthAThread.products;
    if (pieces < 2 || threads < 2.0) return 1;
    return static_cast<int>(std::min({static_cast<std::int64_t>(std::min(threads, 1e9)), pieces,
                                      static_cast<std::int64_t>(get_num_threads())}));
}

// f(thread, first, end): a contiguous share of the pieces each, the same ones in every call, so
// that they stay in the thread's cache.
template <class F>
void share_evenly(int threads, std::int64_t pieces, const F& f) {
    if (threads == 1) return f(0, std::int64_t{0}, pieces);
    parallel_for(threads, [&](int thread) {
        f(thread, pieces * thread / threads, pieces * (thread + 1) / threads);
    });
}

// f(thread, piece) for first <= piece < end, the last one first, to whoever is free: for pieces
// that become larger and larger.
template <class F>
void share_largest_first(int threads, std::int64_t first, std::int64_t end, const F& f) {
    if (threads == 1) {
        for (std::int64_t piece = end; piece-- > first;) f(0, piece);
        return;
    }
    std::atomic<std::int64_t> next{end};
    parallel_for(threads, [&](int thread) {
        for (std::int64_t piece; (piece = --next) >= first;) f(thread, piece);
    });
}

// Even shares, taken a few pieces at a time: a thread whose own is used up helps with the others'.
// It keeps most of its pieces from one call to the next, and nobody waits for one that wakes.
class HelpedShares {
  public:
    HelpedShares(int threads, std::int64_t pieces, std::int64_t at_a_time)
        : at_a_time_(at_a_time), shares_(static_cast<std::size_t>(threads)) {
        for (int thread = 0; thread < threads; ++thread) {
            Share& share = shares_[static_cast<std::size_t>(thread)];
            share.next = pieces * thread / threads;
            share.end = pieces * (thread + 1) / threads;
        }
    }

    // Calls f(first, end) for what a thread finds to do.
    template <class F>
    void take(int thread, const F& f) {
        const std::size_t threads = shares_.size();
        for (std::size_t k = 0; k < threads; ++k) {
            Share& share = shares_[(static_cast<std::size_t>(thread) + k) % threads];
            for (std::int64_t first; (first = share.next.fetch_add(at_a_time_)) < share.end;)
                f(first, std::min(first + at_a_time_, share.end));
        }
    }

  private:
    struct alignas(64) Share {  // a cache line each
        std::atomic<std::int64_t> next;
        std::int64_t end;
    };
    std::int64_t at_a_time_;
    std::vector<Share> shares_;
};

}  // namespace schuss

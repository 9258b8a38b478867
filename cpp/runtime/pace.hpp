// One thread or all of them? The bits do not depend on it, so the clock may decide. No fixed size
// can: after a matrix product NumPy's BLAS threads spin on the cores for milliseconds, and a region
// that waits for a thread they keep out took 2.5 ms where one thread takes 0.14 ms (Adam, 300,000
// parameters, 2 cores); in a loop without them two threads take half the time of one.
#pragma once
#include <algorithm>
#include <cstdint>
#include <limits>

namespace schuss {

class Pace {
  public:
    // Whether the next step should be parallel.
    bool parallel() const { return parallel_ != probing_; }

    void record(double seconds) {
        if (step_++ == 0) return;  // states are touched for the first time
        if (probing_) return probe(seconds);
        times_[next_++ % 3] = seconds;
        const std::int64_t since = step_ - probed_;
        probing_ = since >= interval_ || (other_better(other_) && since >= kShortest);
    }

  private:
    // Steps until the first probe, and between two, which grow apart while nothing changes.
    static constexpr std::int64_t kFirst = 4, kShortest = 16, kLongest = 4096;

    // The median of the last three forgets a hiccup.
    double usual() const {
        const auto [a, b, c] = times_;
        return std::max(std::min(a, b), std::min(std::max(a, b), c));
    }

    // In doubt all threads run: out of cache one is nearly as fast as two, and noise must not
    // decide.
    bool other_better(double seconds) const {
        constexpr double kClear = 0.75;
        return parallel_ ? seconds < kClear * usual() : kClear * seconds < usual();
    }

    // Two votes out of three: the first step after a pause pays for waking the threads.
    void probe(double seconds) {
        other_ = seconds;
        (other_better(seconds) ? better_ : worse_)++;
        if (better_ < 2 && worse_ < 2) return;
        interval_ = std::min(4 * interval_, kLongest);
        if (better_ == 2) {
            parallel_ = !parallel_;
            other_ = usual();
            std::fill_n(times_, 3, seconds);
            interval_ = kShortest;
        }
        probing_ = false;
        probed_ = step_;
        better_ = worse_ = 0;
    }

    bool parallel_ = true;  // at first, so that a state lies near the thread that works on it
    bool probing_ = false;  // this step runs the other way, to see
    int better_ = 0, worse_ = 0;
    double times_[3] = {};
    unsigned next_ = 0;
    double other_ =
        std::numeric_limits<double>::infinity();  // what the other way took when last tried
    std::int64_t step_ = 0, probed_ = 0, interval_ = kFirst;
};

}  // namespace schuss

// Pins the floating-point environment to the default (round to nearest, subnormals kept, no traps)
// and gives the caller's back. A host that sets flush-to-zero would otherwise change our bits, and
// differently on each thread.
#pragma once
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif
#include <cstdint>

namespace schuss {

class FloatEnvironment {
  public:
#if defined(__SSE2__)
    FloatEnvironment() : saved_(_mm_getcsr()) {
        if (saved_ != kPinned) _mm_setcsr(kPinned);
    }
    ~FloatEnvironment() {
        if (saved_ != kPinned) _mm_setcsr(saved_);
    }
#elif defined(__aarch64__)
    FloatEnvironment() {
        asm volatile("mrs %0, fpcr" : "=r"(saved_));
        asm volatile("msr fpcr, %0" : : "r"(std::uint64_t{0}));
    }
    ~FloatEnvironment() { asm volatile("msr fpcr, %0" : : "r"(saved_)); }
#else
    FloatEnvironment() : saved_(0) {}
    ~FloatEnvironment() {}
#endif
    FloatEnvironment(const FloatEnvironment&) = delete;
    FloatEnvironment& operator=(const FloatEnvironment&) = delete;

  private:
#if defined(__SSE2__)
    // All flags of exceptions are up, so that no arithmetic changes it: a write costs 50 ns, and
    // who pins again inside needs none.
    static constexpr unsigned kPinned = 0x1F80 | 0x3F;
    unsigned saved_;
#else
    std::uint64_t saved_;
#endif
};

}  // namespace schuss

#include "dispatch/cpu.hpp"

#if defined(__x86_64__)

#include <cpuid.h>

#include <cstdint>

namespace schuss {
namespace {

// Asked of the CPU itself: __builtin_cpu_supports reads a variable that some compilers' runtimes
// never fill.
struct Features {
    std::uint32_t leaf1_c = 0, leaf7_b = 0, saved = 0;

    Features() {
        std::uint32_t a, b, c, d;
        if (!__get_cpuid(1, &a, &b, &c, &d)) return;
        leaf1_c = c;
        if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) leaf7_b = b;
        if (constexpr std::uint32_t osxsave = 1u << 27; (leaf1_c & osxsave) == 0) return;
        std::uint32_t high;
        asm("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
    }
};

// bits of the first leaf's ecx, of the seventh's ebx, and of the registers that the operating
// system saves when it switches threads.
bool has(std::uint32_t leaf1_c, std::uint32_t leaf7_b, std::uint32_t saved) {
    static const Features cpu;
    return (cpu.leaf1_c & leaf1_c) == leaf1_c && (cpu.leaf7_b & leaf7_b) == leaf7_b &&
           (cpu.saved & saved) == saved;
}

constexpr std::uint32_t kFma = 1u << 12, kAvx = 1u << 28, kF16c = 1u << 29;  // leaf 1, ecx
constexpr std::uint32_t kAvx2 = 1u << 5, kF = 1u << 16, kDq = 1u << 17, kBw = 1u << 30,
                        kVl = 1u << 31;            // leaf 7, ebx
constexpr std::uint32_t kYmm = 0x06, kZmm = 0xE6;  // XCR0

}  // namespace

bool cpu_has_avx2() { return has(kFma | kAvx | kF16c, kAvx2, kYmm); }

// GCC and Clang take AVX-512 for more than AVX2 and FMA, and use both.
bool cpu_has_avx512() { return has(kFma | kAvx | kF16c, kAvx2 | kF | kDq | kBw | kVl, kZmm); }

}  // namespace schuss

#endif

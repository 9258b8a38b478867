// The inner loop of the factorization for AVX2, in assembly. A compiler either leaves it rolled,
// which is 23 operations for 12 multiply-adds, or unrolls it and spills accumulators; here it is
// 20, which matters where another thread issues on the same core: 11 % at n = 2,000 (Zen 3).
#pragma once
#include "simd/isa.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

// clang-format off
// Three vectors of a column of the tile take the product of those of left, in 12 to 14, and an
// element of right.
#define SCHUSS_COLUMN(type, size, k, c, v0, v1, v2)                    \
    "vbroadcasts" type " 96*" #k "+" #size "*" #c "(%[right]), %%ymm15\n" \
    "vfnmadd231p" type " %%ymm15, %%ymm12, %%ymm" #v0 "\n"             \
    "vfnmadd231p" type " %%ymm15, %%ymm13, %%ymm" #v1 "\n"             \
    "vfnmadd231p" type " %%ymm15, %%ymm14, %%ymm" #v2 "\n"

#define SCHUSS_STEP(type, size, k)                      \
    "vmovup" type " 96*" #k "(%[left]), %%ymm12\n"      \
    "vmovup" type " 96*" #k "+32(%[left]), %%ymm13\n"   \
    "vmovup" type " 96*" #k "+64(%[left]), %%ymm14\n"   \
    SCHUSS_COLUMN(type, size, k, 0, 0, 1, 2)            \
    SCHUSS_COLUMN(type, size, k, 1, 3, 4, 5)            \
    SCHUSS_COLUMN(type, size, k, 2, 6, 7, 8)            \
    SCHUSS_COLUMN(type, size, k, 3, 9, 10, 11)

#define SCHUSS_LOAD(v) "vmovups 32*" #v "(%[tile]), %%ymm" #v "\n"
#define SCHUSS_STORE(v) "vmovups %%ymm" #v ", 32*" #v "(%[tile])\n"
#define SCHUSS_TWELVE(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11)

// Four columns of each a turn, and their share of the 128 or 64 bytes that come next.
#define SCHUSS_TILE(type, size)                                                                 \
    asm volatile(                                                                               \
        SCHUSS_TWELVE(SCHUSS_LOAD)                                                              \
        "1:\n"                                                                                  \
        "prefetcht0 (%[next])\n"                                                                \
        "prefetcht0 64(%[next])\n"                                                              \
        "add $16*" #size ", %[next]\n"                                                          \
        SCHUSS_STEP(type, size, 0)                                                              \
        SCHUSS_STEP(type, size, 1)                                                              \
        SCHUSS_STEP(type, size, 2)                                                              \
        SCHUSS_STEP(type, size, 3)                                                              \
        "add $384, %[left]\n"                                                                   \
        "add $384, %[right]\n"                                                                  \
        "cmp %[left], %[end]\n"                                                                 \
        "jne 1b\n"                                                                              \
        SCHUSS_TWELVE(SCHUSS_STORE)                                                             \
        "vzeroupper\n"                                                                          \
        : [left] "+r"(left), [right] "+r"(right), [next] "+r"(next)                             \
        : [end] "r"(end), [tile] "r"(tile)                                                      \
        : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",       \
          "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15")
// clang-format on

// tile -= left right', `count` columns of each, a multiple of 4, of 96 bytes; the tile's four lie
// one after the other. `next` is fetched on the way, 4 elements a column.
SCHUSS_INLINE void subtract_in_tile(double* tile, const double* left, const double* right,
                                    std::int64_t count, const double* next) {
    if (const double* end = left + 12 * count; left != end) SCHUSS_TILE("d", 8);
}
SCHUSS_INLINE void subtract_in_tile(float* tile, const float* left, const float* right,
                                    std::int64_t count, const float* next) {
    if (const float* end = left + 24 * count; left != end) SCHUSS_TILE("s", 4);
}

#undef SCHUSS_TILE
#undef SCHUSS_TWELVE
#undef SCHUSS_STORE
#undef SCHUSS_LOAD
#undef SCHUSS_STEP
#undef SCHUSS_COLUMN

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

// The vector width of the ISA that this object is compiled for, and the law for all code in it:
// everything reachable from kernels/table.cpp and dense/table.cpp lives in the unnamed namespace
// inside schuss::<isa>, includes no C++ standard header but <cstdint>, and so leaves one global
// symbol and no weak one. An inline function with external linkage would be merged with another
// object's copy by the linker, and AVX-512 code would then run on a CPU that has none.
#pragma once
#include <cstdint>

#ifndef SCHUSS_TARGET
#error "compile with -DSCHUSS_TARGET=<isa>"
#endif

#define SCHUSS_INLINE [[gnu::always_inline]] inline

namespace schuss::SCHUSS_TARGET {
namespace {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;  // SSE2, NEON, and what the compiler makes of 16 bytes elsewhere
#endif

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

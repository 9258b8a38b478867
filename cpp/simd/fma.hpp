// Fused multiply-add, for dense factorizations only: rules, sums and vectors of solvers round every
// product, as the bit contract says. Every instruction set gives the same bits: where the hardware
// has no such instruction, software computes the same.
#pragma once
#include "simd/fused.hpp"
#include "simd/vec.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

// c - a b, rounded once.
#if defined(__FMA__)
SCHUSS_INLINE double subtract_product(double a, double b, double c) {
    return __builtin_fma(-a, b, c);
}
SCHUSS_INLINE float subtract_product(float a, float b, float c) { return __builtin_fmaf(-a, b, c); }
SCHUSS_INLINE Doubles<32> subtract_product(Doubles<32> a, Doubles<32> b, Doubles<32> c) {
    return (Doubles<32>)_mm256_fnmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
SCHUSS_INLINE Floats<32> subtract_product(Floats<32> a, Floats<32> b, Floats<32> c) {
    return (Floats<32>)_mm256_fnmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
#if defined(__AVX512F__)
SCHUSS_INLINE Doubles<64> subtract_product(Doubles<64> a, Doubles<64> b, Doubles<64> c) {
    return (Doubles<64>)_mm512_fnmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
}
SCHUSS_INLINE Floats<64> subtract_product(Floats<64> a, Floats<64> b, Floats<64> c) {
    return (Floats<64>)_mm512_fnmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
#endif
#elif defined(__aarch64__)
SCHUSS_INLINE double subtract_product(double a, double b, double c) {
    return __builtin_fma(-a, b, c);
}
SCHUSS_INLINE float subtract_product(float a, float b, float c) { return __builtin_fmaf(-a, b, c); }
SCHUSS_INLINE Doubles<16> subtract_product(Doubles<16> a, Doubles<16> b, Doubles<16> c) {
    return (Doubles<16>)vfmsq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
SCHUSS_INLINE Floats<16> subtract_product(Floats<16> a, Floats<16> b, Floats<16> c) {
    return (Floats<16>)vfmsq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
#else
SCHUSS_INLINE Doubles<16> subtract_product(Doubles<16> a, Doubles<16> b, Doubles<16> c) {
    return fused::subtract_product(a, b, c);
}
SCHUSS_INLINE Floats<16> subtract_product(Floats<16> a, Floats<16> b, Floats<16> c) {
    return fused::subtract_product(a, b, c);
}
SCHUSS_INLINE double subtract_product(double a, double b, double c) {
    return fused::subtract_product(Doubles<16>{a}, Doubles<16>{b}, Doubles<16>{c})[0];
}
SCHUSS_INLINE float subtract_product(float a, float b, float c) {
    return fused::subtract_product(Floats<16>{a}, Floats<16>{b}, Floats<16>{c})[0];
}
#endif

// c + a b: one product, one rounding, whichever sign.
template <class V>
SCHUSS_INLINE V add_product(V a, V b, V c) {
    return subtract_product(-a, b, c);
}

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

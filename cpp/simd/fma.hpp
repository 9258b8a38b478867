// Fused multiply-add, for dense factorizations only: rules, sums and vectors of solvers round every
// product, as the bit contract says.
#pragma once
#include "simd/vec.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

// c - a b, rounded once where the CPU can.
template <class V>
SCHUSS_INLINE V subtract_product(V a, V b, V c) {
    return c - a * b;
}

#if defined(__AVX512F__)
template <>
SCHUSS_INLINE Vector<double> subtract_product(Vector<double> a, Vector<double> b,
                                              Vector<double> c) {
    return (Vector<double>)_mm512_fnmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
}
template <>
SCHUSS_INLINE Vector<float> subtract_product(Vector<float> a, Vector<float> b, Vector<float> c) {
    return (Vector<float>)_mm512_fnmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
#elif defined(__FMA__)
template <>
SCHUSS_INLINE Vector<double> subtract_product(Vector<double> a, Vector<double> b,
                                              Vector<double> c) {
    return (Vector<double>)_mm256_fnmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
template <>
SCHUSS_INLINE Vector<float> subtract_product(Vector<float> a, Vector<float> b, Vector<float> c) {
    return (Vector<float>)_mm256_fnmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
#elif defined(__aarch64__)
template <>
SCHUSS_INLINE Vector<double> subtract_product(Vector<double> a, Vector<double> b,
                                              Vector<double> c) {
    return (Vector<double>)vfmsq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
template <>
SCHUSS_INLINE Vector<float> subtract_product(Vector<float> a, Vector<float> b, Vector<float> c) {
    return (Vector<float>)vfmsq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
#endif

// c + a b: one product, one rounding, whichever sign.
template <class V>
SCHUSS_INLINE V add_product(V a, V b, V c) {
    return subtract_product(-a, b, c);
}

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

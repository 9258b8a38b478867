// Vectors are the compiler's own (GCC and Clang vector extensions): + - * / and comparisons come
// with the type, and a plain float or double is the vector of one lane that tails may use.
#pragma once
#include "simd/isa.hpp"

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace schuss::SCHUSS_TARGET {
namespace {

template <class T, int kBytes = kVectorBytes>
struct Wide {
    typedef T Vector __attribute__((vector_size(kBytes)));
};
template <class T>
using Vector = typename Wide<T>::Vector;

// Out of cache the loop asks for its lines this many bytes ahead: 3 to 5 % on seven streams, where
// 1024 and 2048 are alike. In cache that costs up to 20 %.
constexpr std::int64_t kAhead = 2048;

// Words in a list separated by single spaces.
constexpr int word_count(const char* list) {
    int n = *list ? 1 : 0;
    for (; *list; ++list) n += *list == ' ';
    return n;
}

// The numbers 0 to n - 1 as a type, to spread an array over arguments.
template <int...>
struct Indices {};
template <int n, int... kAt>
struct IndicesUpTo : IndicesUpTo<n - 1, n - 1, kAt...> {};
template <int... kAt>
struct IndicesUpTo<0, kAt...> {
    using Type = Indices<kAt...>;
};
template <int n>
using UpTo = typename IndicesUpTo<n>::Type;

template <class V>
SCHUSS_INLINE V load(const char* from) {
    V v;
    __builtin_memcpy(&v, from, sizeof v);
    return v;
}

template <class V>
SCHUSS_INLINE void store(char* to, V v) {
    __builtin_memcpy(to, &v, sizeof v);
}

template <class V>
struct Lane;
template <>
struct Lane<float> {
    using Type = float;
};
template <>
struct Lane<double> {
    using Type = double;
};
template <>
struct Lane<Vector<float>> {
    using Type = float;
};
template <>
struct Lane<Vector<double>> {
    using Type = double;
};
#if defined(__AVX512F__)
template <>
struct Lane<Wide<float, 32>::Vector> {
    using Type = float;
};
template <>
struct Lane<Wide<double, 32>::Vector> {
    using Type = double;
};
#endif

// How a loop takes its elements: a whole V at a time,
template <class W>
struct Whole {
    using V = W;
    explicit Whole(std::int64_t) {}
    SCHUSS_INLINE V load(const char* from) const {
        V v;
        __builtin_memcpy(&v, from, sizeof v);
        return v;
    }
    SCHUSS_INLINE void store(char* to, V v) const { __builtin_memcpy(to, &v, sizeof v); }
};

// or the last ones, fewer than a vector. With AVX-512 these are the first lanes of halves, behind
// which memory is neither read nor written, and lanes are 0: 100 arrays of 10 take 0.73 to 0.94 of
// the time. Whole vectors would lower the clock: a step of one short array took 20 ns more.
#if defined(__AVX512F__)
template <class T>
struct Tail {
    using V = typename Wide<T, 32>::Vector;
    __mmask8 mask;

    SCHUSS_INLINE explicit Tail(std::int64_t left) {
        constexpr std::int64_t most = sizeof(V) / sizeof(T);
        mask = static_cast<__mmask8>((1u << (left < most ? left : most)) - 1);
    }
    SCHUSS_INLINE V load(const char* from) const {
        if constexpr (sizeof(T) == sizeof(float))
            return (V)_mm256_maskz_loadu_ps(mask, from);
        else
            return (V)_mm256_maskz_loadu_pd(mask, from);
    }
    SCHUSS_INLINE void store(char* to, V v) const {
        if constexpr (sizeof(T) == sizeof(float))
            _mm256_mask_storeu_ps(to, mask, (__m256)v);
        else
            _mm256_mask_storeu_pd(to, mask, (__m256d)v);
    }
};
#else
template <class T>
using Tail = Whole<T>;
#endif

// Rounded once, to the lane's type. x - 0 is x for every x; x + 0 would turn -0 into +0.
template <class V>
SCHUSS_INLINE V broadcast(double x) {
    return static_cast<typename Lane<V>::Type>(x) - V{};
}

template <class Mask, class V>
SCHUSS_INLINE V select(Mask mask, V yes, V no) {
    return mask ? yes : no;
}

template <class V>
SCHUSS_INLINE V maximum(V a, V b) {
    return select(a < b, b, a);
}

template <class V>
SCHUSS_INLINE V minimum(V a, V b) {
    return select(b < a, b, a);
}

template <class V>
SCHUSS_INLINE V abs(V x) {
    return select(x < V{}, -x, x);
}

// Whether a < b in any lane.
SCHUSS_INLINE bool any_below(double a, double b) { return a < b; }
SCHUSS_INLINE bool any_below(Vector<double> a, Vector<double> b) {
#if defined(__AVX512F__)
    return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_LT_OQ) != 0;
#elif defined(__AVX2__)
    return _mm256_movemask_pd((__m256d)(a < b)) != 0;
#elif defined(__SSE2__)
    return _mm_movemask_pd((__m128d)(a < b)) != 0;
#else
    return (a[0] < b[0]) | (a[1] < b[1]);
#endif
}

SCHUSS_INLINE double largest_lane(double value) { return value; }
SCHUSS_INLINE double largest_lane(Vector<double> values) {
    double largest = values[0];
    for (unsigned k = 1; k < sizeof(values) / sizeof(values[0]); ++k)
        largest = maximum(largest, static_cast<double>(values[k]));
    return largest;
}

// Square root is the one operation that the vector extensions lack.
SCHUSS_INLINE float sqrt(float x) { return __builtin_sqrtf(x); }
SCHUSS_INLINE double sqrt(double x) { return __builtin_sqrt(x); }
#if defined(__AVX512F__)
// The zero-masked form with all lanes on is the plain one without GCC 12's false warning in it.
SCHUSS_INLINE Vector<float> sqrt(Vector<float> x) {
    return (Vector<float>)_mm512_maskz_sqrt_ps(0xFFFF, (__m512)x);
}
SCHUSS_INLINE Vector<double> sqrt(Vector<double> x) {
    return (Vector<double>)_mm512_maskz_sqrt_pd(0xFF, (__m512d)x);
}
#endif
#if defined(__AVX2__)
SCHUSS_INLINE Wide<float, 32>::Vector sqrt(Wide<float, 32>::Vector x) {
    return (Wide<float, 32>::Vector)_mm256_sqrt_ps((__m256)x);
}
SCHUSS_INLINE Wide<double, 32>::Vector sqrt(Wide<double, 32>::Vector x) {
    return (Wide<double, 32>::Vector)_mm256_sqrt_pd((__m256d)x);
}
#elif defined(__SSE2__)
SCHUSS_INLINE Vector<float> sqrt(Vector<float> x) { return (Vector<float>)_mm_sqrt_ps((__m128)x); }
SCHUSS_INLINE Vector<double> sqrt(Vector<double> x) {
    return (Vector<double>)_mm_sqrt_pd((__m128d)x);
}
#elif defined(__aarch64__)
SCHUSS_INLINE Vector<float> sqrt(Vector<float> x) {
    return (Vector<float>)vsqrtq_f32((float32x4_t)x);
}
SCHUSS_INLINE Vector<double> sqrt(Vector<double> x) {
    return (Vector<double>)vsqrtq_f64((float64x2_t)x);
}
#else
template <class V>
SCHUSS_INLINE V sqrt(V x) {
    for (unsigned i = 0; i < sizeof(x) / sizeof(x[0]); ++i) x[i] = sqrt(x[i]);
    return x;
}
#endif

// One lane in all lanes.
template <class T>
SCHUSS_INLINE Vector<T> spread(Vector<T> v, std::int64_t lane) {
#if defined(__AVX512F__)
    if constexpr (sizeof(T) == sizeof(double))
        return (Vector<T>)_mm512_maskz_permutexvar_pd(0xFF, _mm512_set1_epi64(lane), (__m512d)v);
    else
        return (Vector<T>)_mm512_maskz_permutexvar_ps(
            0xFFFF, _mm512_set1_epi32(static_cast<int>(lane)), (__m512)v);
#else
    return v[lane] - Vector<T>{};
#endif
}

// The sum of all lanes, halves added to halves.
template <class T, int kBytes = kVectorBytes>
SCHUSS_INLINE T sum_lanes(typename Wide<T, kBytes>::Vector v) {
    if constexpr (kBytes == sizeof(T)) {
        return v[0];
    } else {
        typename Wide<T, kBytes / 2>::Vector low, high;
        __builtin_memcpy(&low, &v, sizeof low);
        __builtin_memcpy(&high, reinterpret_cast<const char*>(&v) + sizeof low, sizeof high);
        return sum_lanes<T, kBytes / 2>(low + high);
    }
}

// As many elements as there are doubles in a vector, widened to double. (GCC 12 compiles
// __builtin_convertvector from float to halves and a merge with AVX2, 1.6 times slower in cache,
// and to one element at a time for NEON.)
template <class T>
SCHUSS_INLINE Vector<double> load_doubles(const char* from) {
    if constexpr (sizeof(T) == sizeof(double)) {
        return load<Vector<double>>(from);
    } else {
#if defined(__AVX512F__)
        return (Vector<double>)_mm512_maskz_cvtps_pd(0xFF, load<__m256>(from));
#elif defined(__AVX2__)
        return (Vector<double>)_mm256_cvtps_pd(load<__m128>(from));
#elif defined(__SSE2__)
        return (Vector<double>)_mm_cvtps_pd(_mm_castpd_ps(_mm_set_sd(load<double>(from))));
#elif defined(__aarch64__)
        return (Vector<double>)vcvt_f64_f32(load<float32x2_t>(from));
#else
        typedef T Narrow __attribute__((vector_size(kVectorBytes / 2)));
        return __builtin_convertvector(load<Narrow>(from), Vector<double>);
#endif
    }
}

// As many elements as there are doubles in a vector, rounded from double. The halves that AVX-512
// and AVX2 compile __builtin_convertvector to are as fast as the one instruction.
template <class T>
SCHUSS_INLINE void store_doubles(char* to, Vector<double> v) {
    if constexpr (sizeof(T) == sizeof(double)) {
        store(to, v);
    } else {
        typedef T Narrow __attribute__((vector_size(kVectorBytes / 2)));
        store(to, __builtin_convertvector(v, Narrow));
    }
}

template <class T>
constexpr std::int64_t kSize = sizeof(T);

template <class T>
SCHUSS_INLINE double load_double(const char* from) {
    return static_cast<double>(load<T>(from));
}

// One vector of doubles or one double, from elements of type T.
template <class T, class V>
SCHUSS_INLINE V read(const char* from) {
    if constexpr (sizeof(V) == sizeof(double))
        return load_double<T>(from);
    else
        return load_doubles<T>(from);
}

template <class T, class V>
SCHUSS_INLINE void write(char* to, V v) {
    if constexpr (sizeof(V) == sizeof(double))
        store(to, static_cast<T>(v));
    else
        store_doubles<T>(to, v);
}

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

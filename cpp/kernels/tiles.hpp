// What is done to a tile in the first cache, before and after the rule's own loop: elements are
// converted and brought together, units clipped, averages taken.
#pragma once
#include "core/types.hpp"
#include "simd/convert.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

constexpr int kChunk = 64;  // elements that are brought together before they are converted

template <class V>
constexpr std::int64_t kLanesOf = sizeof(V) / sizeof(typename Lane<V>::Type);

// Types that only numbers convert from, one at a time.
template <class S, class T>
constexpr bool kByVector = __is_same(S, T) || (sizeof(S) == 2 && __is_same(T, float) &&
                                               (__is_same(S, BFloat16) || __is_same(S, Float16)));

// Lanes 0, 2, 4 and so on of two vectors.
template <class V, int... kAt>
SCHUSS_INLINE V every_other(V a, V b, Indices<kAt...>) {
    return __builtin_shufflevector(a, b, (2 * kAt)...);
}

template <class S>
SCHUSS_INLINE void bring_together(const char* from, std::int64_t stride, std::int64_t count,
                                  char* to) {
    constexpr std::int64_t size = sizeof(S);
    std::int64_t i = 0;
    if constexpr (__is_same(S, float) || __is_same(S, double)) {
        using V = Vector<S>;
        constexpr std::int64_t lanes = kLanesOf<V>;
        if (stride == 2 * size)  // the last vector would read past the array
            for (; i + 2 * lanes <= count; i += lanes) {
                const char* at = from + i * stride;
                __builtin_prefetch(at + kAhead);
                __builtin_prefetch(at + sizeof(V) + kAhead);
                store(to + i * size, every_other(load<V>(at), load<V>(at + sizeof(V)),
                                                 UpTo<static_cast<int>(lanes)>()));
            }
    }
    for (; i < count; ++i) store(to + i * size, load<S>(from + i * stride));
}

// A block of a matrix whose columns lie together: column after column, so that a line of the cache
// is read once, to rows of kAcross elements.
template <class S>
void turn_block(const char* from, std::int64_t column_stride, std::int64_t row_stride,
                std::int64_t rows, std::int64_t columns, char* to) {
    constexpr std::int64_t size = sizeof(S);
    for (std::int64_t c = 0; c < columns; ++c)
        for (std::int64_t r = 0; r < rows; ++r)
            store(to + (r * kAcross + c) * size,
                  load<S>(from + c * column_stride + r * row_stride));
}

template <class S, class T>
SCHUSS_INLINE void load_run(const char* from, std::int64_t count, char* to) {
    constexpr std::int64_t size = sizeof(S), out = sizeof(T);
    std::int64_t i = 0;
    if constexpr (kByVector<S, T>)
        for (; i + kLanesOf<Vector<T>> <= count; i += kLanesOf<Vector<T>>) {
            __builtin_prefetch(from + i * size + kAhead);
            store(to + i * out, load_as<S, Vector<T>>(from + i * size));
        }
    for (; i < count; ++i) store(to + i * out, load_as<S, T>(from + i * size));
}

template <class S, class T>
void load_elements(const char* from, std::int64_t stride, std::int64_t count, char* to) {
    constexpr std::int64_t size = sizeof(S), out = sizeof(T);
    if (stride == size) return load_run<S, T>(from, count, to);
    if constexpr (__is_same(S, T)) return bring_together<S>(from, stride, count, to);
    char chunk[kChunk * sizeof(S)];
    for (std::int64_t i = 0; i < count; i += kChunk) {
        const std::int64_t n = count - i < kChunk ? count - i : kChunk;
        bring_together<S>(from + i * stride, stride, n, chunk);
        load_run<S, T>(chunk, n, to + i * out);
    }
}

template <class S, class T>
void store_elements(const char* from, std::int64_t count, char* to, std::int64_t stride) {
    constexpr std::int64_t size = sizeof(S), in = sizeof(T), lanes = kLanesOf<Vector<T>>;
    std::int64_t i = 0;
    if (stride == size)
        for (; i + lanes <= count; i += lanes) {
            __builtin_prefetch(to + i * size + kAhead, 1);
            store_as<S>(to + i * size, load<Vector<T>>(from + i * in));
        }
    for (; i < count; ++i) store_as<S>(to + i * stride, load<T>(from + i * in));
}

// Calls body<V>(i) for vectors, then for what is left one at a time.
template <class T, class Body>
SCHUSS_INLINE void for_lanes(std::int64_t count, const Body& body) {
    std::int64_t i = 0;
    for (; i + kLanesOf<Vector<T>> <= count; i += kLanesOf<Vector<T>>)
        body(i * static_cast<std::int64_t>(sizeof(T)), Vector<T>{});
    for (; i < count; ++i) body(i * static_cast<std::int64_t>(sizeof(T)), T{});
}

template <class T>
void take_average(char* average, const char* p, std::int64_t count, double keep, bool streaming) {
    for_lanes<T>(count, [&]<class V>(std::int64_t at, V) {
        if (streaming) __builtin_prefetch(average + at + kAhead);
        const V kept = broadcast<V>(keep), taken = broadcast<V>(1.0 - keep);
        store(average + at, kept * load<V>(average + at) + taken * load<V>(p + at));
    });
}

template <class T>
void scale_units(const char* g, const char* factor, std::int64_t count, const Policy& by,
                 char* to) {
    for_lanes<T>(count, [&]<class V>(std::int64_t at, V) {
        __builtin_prefetch(g + at + kAhead);
        const V scale = broadcast<V>(by.scale), limit = broadcast<V>(by.limit);
        const V clipped = maximum(minimum(scale * load<V>(g + at), limit), -limit);
        store(to + at, load<V>(factor + at) * clipped);
    });
}

template <class T>
void add_squares(const char* x, std::int64_t stride, std::int64_t rows, std::int64_t count,
                 double* sums) {
    constexpr std::int64_t size = sizeof(T), lanes = kLanesOf<Vector<double>>;
    std::int64_t i = 0;
    for (; i + lanes <= count; i += lanes) {
        char* at = reinterpret_cast<char*>(sums + i);
        Vector<double> sum = load<Vector<double>>(at);
        for (std::int64_t r = 0; r < rows; ++r) {
            const char* from = x + r * stride + i * size;
            __builtin_prefetch(from + kAhead);
            const Vector<double> value = load_doubles<T>(from);
            sum = sum + value * value;
        }
        store(at, sum);
    }
    for (; i < count; ++i)
        for (std::int64_t r = 0; r < rows; ++r) {
            const double value = load<T>(x + r * stride + i * size);
            sums[i] = sums[i] + value * value;
        }
}

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

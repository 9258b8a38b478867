// What solvers do with vectors, a block at a time: sums go to 16 lanes as in reduce.hpp. Rows of a
// history are read once for two products, and once more for the direction.
#pragma once
#include "core/types.hpp"
#include "kernels/box.hpp"
#include "kernels/reduce.hpp"
#include "simd/vec.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

// Rows that share one read of y and g: as many as leave registers for their sums.
constexpr int kRowsAbreast = kVectorBytes == 64 ? 4 : 2;

// Out of cache rows are asked for this many bytes ahead: 5 % at n = 10^7; further ahead is slower.
constexpr std::int64_t kRowAhead = 1024;

// Calls body<V>(i, slot) for the doubles i, i + 1, ... of a block: vectors, of which slot counts
// those of one round of lanes, and then the elements that are left, of which slot is the lane.
template <class Body>
SCHUSS_INLINE void walk(std::int64_t count, const Body& body) {
    const std::int64_t whole = count / kLanes * kLanes;
    for (std::int64_t i = 0; i < whole; i += kLanes)
        for (int s = 0; s < kSums; ++s)
            body.template operator()<Vector<double>>(i + s * kDoubles, s);
    std::int64_t i = whole;
#pragma GCC unroll 8
    for (int s = 0; s + 1 < kSums; ++s)
        if (i + kDoubles <= count) {
            body.template operator()<Vector<double>>(i, s);
            i += kDoubles;
        }
    for (; i < count; ++i) body.template operator()<double>(i, static_cast<int>(i - whole));
}

// One sum of a walk: element i goes to lane i mod 16. What is left for the end, less than a vector,
// is put together in a register: from memory, a vector would wait for the stores of its elements.
struct Sum {
    Vector<double> wide[kSums] = {}, left = {};
    int left_slot = 0;

    SCHUSS_INLINE void add(Vector<double> value, int slot) { wide[slot] = wide[slot] + value; }
    SCHUSS_INLINE void add(double value, int lane) {
        Vector<double> numbers;
        for (int k = 0; k < kDoubles; ++k) numbers[k] = k;
        left_slot = lane / kDoubles;
        const auto here = numbers == broadcast<Vector<double>>(lane % kDoubles);
        left = select(here, broadcast<Vector<double>>(value), left);
    }
    SCHUSS_INLINE double total() const {
        Vector<double> sums[kSums];
#pragma GCC unroll 8
        for (int s = 0; s < kSums; ++s) sums[s] = s == left_slot ? wide[s] + left : wide[s];
#pragma GCC unroll 4
        for (int half = kSums / 2; half > 0; half /= 2)
#pragma GCC unroll 4
            for (int s = 0; s < half; ++s) sums[s] = sums[s] + sums[s + half];
        return sum_lanes<double>(sums[0]);
    }
};

// The largest |value| of a walk.
struct Largest {
    Vector<double> wide{};
    double left = 0.0;

    SCHUSS_INLINE void add(Vector<double> value) { wide = maximum(wide, abs(value)); }
    SCHUSS_INLINE void add(double value) { left = maximum(left, abs(value)); }
    SCHUSS_INLINE double total() const {
        double largest = left;
        for (int k = 0; k < kDoubles; ++k) largest = maximum(largest, wide[k]);
        return largest;
    }
};

// The largest length as a part of the room there is for it. Division is slow: only where it may
// lead to a larger part is there one.
struct LargestPart {
    double largest = 0.0, surpassed = 0.0;  // below that none is larger, whatever rounding does

    template <class V>
    SCHUSS_INLINE void add(V length, V room) {
        if (!any_below(broadcast<V>(surpassed) * room, length)) return;
        const V part = select(length == V{}, V{}, length / room);
        largest = maximum(largest, largest_lane(part));
        surpassed = largest * (1.0 - 4.0 * __DBL_EPSILON__);
    }
};

template <class T, class D, class B>
SCHUSS_INLINE void probe_in(const B& bounds, const Probe& by, std::int64_t begin,
                            std::int64_t count, double* out) {
    const char *x = by.x + begin * kSize<T>, *g_before = by.g_before + begin * kSize<T>;
    const char *g = by.g + begin * kSize<T>, *d = by.d + begin * kSize<D>;
    Sum along, squares, changes, slopes, slopes_before;
    Largest largest;
    walk(count, [&]<class V>(std::int64_t i, int slot) {
        const V gi = read<T, V>(g + i * kSize<T>), di = read<D, V>(d + i * kSize<D>);
        const V pi = projected(gi, read<T, V>(x + i * kSize<T>), bounds.template lower<V>(i),
                               bounds.template upper<V>(i));
        const V before = select(di == V{}, V{}, read<T, V>(g_before + i * kSize<T>));
        const V after = select(di == V{}, V{}, gi);
        along.add(gi * di, slot);
        squares.add(pi * pi, slot);
        largest.add(pi);
        changes.add((after - before) * (after - before), slot);
        slopes.add(after * after, slot);
        slopes_before.add(before * before, slot);
    });
    out[0] = along.total();
    out[1] = squares.total();
    out[2] = largest.total();
    out[3] = changes.total();
    out[4] = slopes.total();
    out[5] = slopes_before.total();
}

template <class T, class D>
void probe(const Probe& by, std::int64_t begin, std::int64_t count, double* out) {
    if (by.box)
        return with_bounds<T>(by.box, begin, [&]<class B>(const B& bounds) {
            if constexpr (B::kBounded) probe_in<T, D>(bounds, by, begin, count, out);
        });
    const char* g = by.g + begin * kSize<T>;
    const char* d = by.d + begin * kSize<D>;
    Sum along, squares;
    Largest largest;
    walk(count, [&]<class V>(std::int64_t i, int slot) {
        const V gi = read<T, V>(g + i * kSize<T>);
        along.add(gi * read<D, V>(d + i * kSize<D>), slot);
        squares.add(gi * gi, slot);
        largest.add(gi);
    });
    out[0] = along.total();
    out[1] = squares.total();
    out[2] = largest.total();
}

template <class T, class B>
SCHUSS_INLINE void trial_in(const B& bounds, const Trial& by, std::int64_t begin,
                            std::int64_t count, double* out) {
    const char *x = by.x + begin * kSize<T>, *x_new = by.x_new + begin * kSize<T>;
    const char* g_new = by.g_new + begin * kSize<T>;
    const char* g = reinterpret_cast<const char*>(by.g + begin);
    char* s = reinterpret_cast<char*>(by.s + begin);
    char* y = by.y ? reinterpret_cast<char*>(by.y + begin) : nullptr;
    Sum slope, length, curvature, squares;
    Largest largest;
    walk(count, [&]<class V>(std::int64_t i, int slot) {
        constexpr std::int64_t size = sizeof(double);
        const V gi = load<V>(g + i * size), new_gi = read<T, V>(g_new + i * kSize<T>);
        const V new_xi = read<T, V>(x_new + i * kSize<T>);
        const V si = new_xi - read<T, V>(x + i * kSize<T>);
        const V yi = new_gi - gi;
        store(s + i * size, si);
        if (y) store(y + i * size, yi);
        slope.add(si * gi, slot);
        length.add(si * si, slot);
        curvature.add(si * yi, slot);
        squares.add(new_gi * new_gi, slot);
        if constexpr (B::kBounded)
            largest.add(projected(new_gi, new_xi, bounds.template lower<V>(i),
                                  bounds.template upper<V>(i)));
        else
            largest.add(new_gi);
    });
    out[0] = slope.total();
    out[1] = length.total();
    out[2] = curvature.total();
    out[3] = squares.total();
    out[4] = largest.total();
}

template <class T>
void trial(const Trial& by, std::int64_t begin, std::int64_t count, double* out) {
    with_bounds<T>(by.box, begin,
                   [&](const auto& bounds) { trial_in<T>(bounds, by, begin, count, out); });
}

// out[2 r] = rows[r].y, out[2 r + 1] = rows[r].g for R rows.
template <int R, class D>
SCHUSS_INLINE void row_products(const char* const* rows, std::int64_t begin, const double* y,
                                const double* g, std::int64_t count, bool streaming, double* out) {
    using V = Vector<double>;
    const char* row[R];
    for (int r = 0; r < R; ++r) row[r] = rows[r] + begin * kSize<D>;
    V sums[R][2][kSums] = {};
    const std::int64_t body = count / kLanes * kLanes;
    for (std::int64_t i = 0; i < body; i += kLanes) {
        if (streaming)
            for (int r = 0; r < R; ++r)
                for (std::int64_t line = 0; line < kLanes * kSize<D>; line += 64)
                    __builtin_prefetch(row[r] + i * kSize<D> + kRowAhead + line);
        for (int s = 0; s < kSums; ++s) {
            const std::int64_t at = i + s * kDoubles;
            const V ys = load<V>(reinterpret_cast<const char*>(y + at));
            const V gs = load<V>(reinterpret_cast<const char*>(g + at));
            for (int r = 0; r < R; ++r) {
                const V value = load_doubles<D>(row[r] + at * kSize<D>);
                sums[r][0][s] = sums[r][0][s] + value * ys;
                sums[r][1][s] = sums[r][1][s] + value * gs;
            }
        }
    }
    for (int r = 0; r < R; ++r) {
        double lanes[2][kLanes];
        for (int k = 0; k < 2; ++k)
            for (int s = 0; s < kSums; ++s)
                store(reinterpret_cast<char*>(&lanes[k][s * kDoubles]), sums[r][k][s]);
        for (std::int64_t i = body; i < count; ++i) {
            const double value = load_double<D>(row[r] + i * kSize<D>);
            lanes[0][i - body] = lanes[0][i - body] + value * y[i];
            lanes[1][i - body] = lanes[1][i - body] + value * g[i];
        }
        *out++ = meet(lanes[0]);
        *out++ = meet(lanes[1]);
    }
}

// One copy of the code for all kinds of bounds.
template <class D>
__attribute__((noinline)) void products(const CurvaturePair& by, std::int64_t begin,
                                        const double* y, const double* g, std::int64_t count,
                                        double* out) {
    int r = 0;
    for (; r + kRowsAbreast <= by.n_rows; r += kRowsAbreast)
        row_products<kRowsAbreast, D>(by.rows + r, begin, y, g, count, by.streaming, out + 2 * r);
    for (; r < by.n_rows; ++r)
        row_products<1, D>(by.rows + r, begin, y, g, count, by.streaming, out + 2 * r);
}

// The whole block as doubles: in place where it is so already.
template <class T>
SCHUSS_INLINE const double* as_doubles(const char* from, std::int64_t count, double* buffer) {
    if constexpr (sizeof(T) == sizeof(double)) {
        return reinterpret_cast<const double*>(from);
    } else {
        walk(count, [&]<class V>(std::int64_t i, int) {
            store(reinterpret_cast<char*>(buffer + i), read<T, V>(from + i * kSize<T>));
        });
        return buffer;
    }
}

template <class T, class D, class B>
SCHUSS_INLINE void pair_in(const B& bounds, const CurvaturePair& by, std::int64_t begin,
                           std::int64_t count, double* out) {
    const char* g_new = by.g_new + begin * kSize<T>;
    char* g = by.g + begin * kSize<T>;
    char *s = by.s + begin * kSize<D>, *y = by.y + begin * kSize<D>;
    alignas(64) double y_buffer[sizeof(D) == sizeof(double) ? 1 : kBlock];
    alignas(64) double g_buffer[sizeof(T) == sizeof(double) && !B::kBounded ? 1 : kBlock];
    walk(count, [&]<class V>(std::int64_t i, int) {
        const std::int64_t at = i * kSize<T>, to = i * kSize<D>;
        const V before = read<T, V>(g + at), after = read<T, V>(g_new + at);
        const V yi = by.keep * (after - before) - by.damp * before;
        if constexpr (B::kBounded) {
            write<D>(y + to, select(read<D, V>(s + to) == V{}, V{}, yi));
            const V xi = read<T, V>(by.x + (begin + i) * kSize<T>);
            const Sides<V> sides(bounds, i, xi, after);
            store(reinterpret_cast<char*>(g_buffer + i), sides.free(after));
        } else {
            write<D>(y + to, yi);
        }
        write<T>(g + at, after);
    });
    if (by.step != 1.0)
        walk(count, [&]<class V>(std::int64_t i, int) {
            write<D>(s + i * kSize<D>, by.step * read<D, V>(s + i * kSize<D>));
        });
    const double* ys = as_doubles<D>(y, count, y_buffer);
    const double* gs = B::kBounded ? g_buffer : as_doubles<T>(g, count, g_buffer);
    products<D>(by, begin, ys, gs, count, out);
}

template <class T, class D>
void pair(const CurvaturePair& by, std::int64_t begin, std::int64_t count, double* out) {
    with_bounds<T>(by.box, begin,
                   [&](const auto& bounds) { pair_in<T, D>(bounds, by, begin, count, out); });
}

// d += the sum of R rows.
template <int R, class D>
SCHUSS_INLINE void add_rows(const char* const* rows, std::int64_t begin, const double* by,
                            double* d, std::int64_t count, bool streaming) {
    const char* row[R];
    for (int r = 0; r < R; ++r) row[r] = rows[r] + begin * kSize<D>;
    walk(count, [&]<class V>(std::int64_t i, int) {
        if (streaming)
            for (int r = 0; r < R; ++r) __builtin_prefetch(row[r] + i * kSize<D> + kRowAhead);
        char* at = reinterpret_cast<char*>(d + i);
        V sum = load<V>(at);
        for (int r = 0; r < R; ++r) sum = sum + by[r] * read<D, V>(row[r] + i * kSize<D>);
        store(at, sum);
    });
}

// One copy of the code for all kinds of bounds.
template <class D>
__attribute__((noinline)) void sum_rows(const Combination& by, std::int64_t begin, double* d,
                                        std::int64_t count) {
    int r = 0;
    for (; r + 4 <= by.n_rows; r += 4)
        add_rows<4, D>(by.rows + r, begin, by.on_rows + r, d, count, by.streaming);
    for (; r < by.n_rows; ++r)
        add_rows<1, D>(by.rows + r, begin, by.on_rows + r, d, count, by.streaming);
}

template <class T, class D, class B>
SCHUSS_INLINE void combination_in(const B& bounds, const Combination& by, std::int64_t begin,
                                  std::int64_t count, double* out) {
    alignas(64) double direction[kBlock];
    const char *g = by.g + begin * kSize<T>, *x = by.x + begin * kSize<T>;
    char *d = by.d + begin * kSize<D>, *x_new = by.x_new + begin * kSize<T>;
    walk(count, [&]<class V>(std::int64_t i, int) {
        V gi = read<T, V>(g + i * kSize<T>);
        if constexpr (B::kBounded)
            gi = Sides<V>(bounds, i, read<T, V>(x + i * kSize<T>), gi).free(gi);
        store(reinterpret_cast<char*>(direction + i), by.on_g * gi);
    });
    sum_rows<D>(by, begin, direction, count);
    Sum along, squares;
    LargestPart part;
    walk(count, [&]<class V>(std::int64_t i, int slot) {
        V di = load<V>(reinterpret_cast<const char*>(direction + i));
        const V xi = read<T, V>(x + i * kSize<T>), gi = read<T, V>(g + i * kSize<T>);
        if constexpr (B::kBounded) {
            const Sides<V> sides(bounds, i, xi, gi);
            // Active variables may be at their bound alone.
            const V low = select(sides.up, sides.upper, sides.lower);
            const V high = select(sides.down, sides.lower, sides.upper);
            const V target = clamp(xi + di, low, high), moved = target - xi;
            const V led = select(low == high, moved, di);
            part.add(abs(led), select(led < V{}, xi - low, high - xi));
            write<D>(d + i * kSize<D>, moved);
            di = read<D, V>(d + i * kSize<D>);  // as it was rounded
            V to = target;
            if (by.step != 1.0 || kSize<D> < kSize<T>)
                to = landed<T, D>(xi, by.step * di, sides.lower, sides.upper);
            write<T>(x_new + i * kSize<T>, to);
        } else {
            write<D>(d + i * kSize<D>, di);
            di = read<D, V>(d + i * kSize<D>);  // as it was rounded
            write<T>(x_new + i * kSize<T>, xi + by.step * di);
        }
        along.add(gi * di, slot);
        squares.add(di * di, slot);
    });
    out[0] = along.total();
    out[1] = squares.total();
    if constexpr (B::kBounded) out[2] = part.largest;
}

template <class T, class D>
void combination(const Combination& by, std::int64_t begin, std::int64_t count, double* out) {
    with_bounds<T>(by.box, begin, [&](const auto& bounds) {
        combination_in<T, D>(bounds, by, begin, count, out);
    });
}

template <class T, class D>
void advance(const Advance& by, std::int64_t begin, std::int64_t count) {
    const char *x = by.x + begin * kSize<T>, *d = by.d + begin * kSize<D>;
    char* x_new = by.x_new + begin * kSize<T>;
    with_bounds<T>(by.box, begin, [&]<class B>(const B& bounds) {
        walk(count, [&]<class V>(std::int64_t i, int) {
            const V xi = read<T, V>(x + i * kSize<T>);
            const V si = by.step * read<D, V>(d + i * kSize<D>);
            if constexpr (B::kBounded)
                write<T>(x_new + i * kSize<T>, landed<T, D>(xi, si, bounds.template lower<V>(i),
                                                            bounds.template upper<V>(i)));
            else
                write<T>(x_new + i * kSize<T>, xi + si);
        });
    });
}

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

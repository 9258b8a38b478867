// Cholesky factorization and triangular solves in panels (see table.hpp). A tile of kRows x
// kColumns stays in registers while it takes all products of a block; columns of a panel are
// vectors, rows of the other panel are broadcast. Nothing is ever packed again.
#pragma once
#include "dense/table.hpp"
#include "simd/fma.hpp"
#if defined(__AVX2__) && !defined(__AVX512F__)
#include "dense/tile_avx2.hpp"
#define SCHUSS_TILE_IN_ASSEMBLY
#endif

namespace schuss::SCHUSS_TARGET {
namespace {

// As many accumulators as the registers hold: 24 of 32, 12 of 16, 8 of 16. And as many columns to a
// block as were fastest at n = 2,000: with AVX2 two panels' parts of 96 lie in 32 KiB of
// first-level cache, which is 66 % of the peak where 192 gave 60 (Zen 3).
#if defined(__AVX512F__)
constexpr int kVectors = 3, kColumns = 8, kPanelColumns = 192;
#elif defined(__AVX2__)
constexpr int kVectors = 3, kColumns = 4, kPanelColumns = 96;
#else
constexpr int kVectors = 2, kColumns = 4, kPanelColumns = 96;
#endif

template <class T>
constexpr int kLaneCount = kVectorBytes / static_cast<int>(sizeof(T));
template <class T>
constexpr int kRows = kVectors * kLaneCount<T>;

// A sum over rows for back substitution, the same on every ISA: row i in lane i mod kLanesOfSum,
// the last rows first; then halves are added to halves. 256 bits are one, two or half a vector.
constexpr int kSumBytes = 32, kPartBytes = kVectorBytes < kSumBytes ? kVectorBytes : kSumBytes;
constexpr int kParts = kSumBytes / kPartBytes;
template <class T>
constexpr int kLanesOfSum = kSumBytes / static_cast<int>(sizeof(T));

static_assert(kRows<double> % kLanesOfSum<double> == 0 && kRows<float> % kLanesOfSum<float> == 0);
static_assert(kPanelColumns % kRows<double> == 0 && kPanelColumns % kRows<float> == 0);
static_assert(kRows<double> % kColumns == 0 && kRows<float> % kColumns == 0);

template <class T>
SCHUSS_INLINE T* panel(T* panels, std::int64_t p) {
    return panels + kRows<T> * kRows<T> * (p * (p + 1) / 2);
}

// Row j of the triangle, from column 0 on; the next column is kRows elements on.
template <class T>
SCHUSS_INLINE T* row(T* panels, std::int64_t j) {
    const std::int64_t p = j / kRows<T>;
    return panel(panels, p) + (j - p * kRows<T>);
}

template <class T>
SCHUSS_INLINE Vector<T> part(const T* column, int v) {
    return load<Vector<T>>(reinterpret_cast<const char*>(column + v * kLaneCount<T>));
}

template <class T>
SCHUSS_INLINE void put(T* column, int v, Vector<T> value) {
    store(reinterpret_cast<char*>(column + v * kLaneCount<T>), value);
}

// 0, 1, 2, ... down the rows of a panel.
template <class T>
SCHUSS_INLINE Vector<T> row_numbers(int v) {
    Vector<T> numbers;
    for (int lane = 0; lane < kLaneCount<T>; ++lane)
        numbers[lane] = static_cast<T>(v * kLaneCount<T> + lane);
    return numbers;
}

// One product of a column and a scalar from a column.
template <class T, int kUsed>
SCHUSS_INLINE void subtract_column(Vector<T> (&from)[kUsed], const T* column, T scalar) {
    const auto right = broadcast<Vector<T>>(scalar);
    for (int v = 0; v < kUsed; ++v) from[v] = subtract_product(part(column, v), right, from[v]);
}

template <class T, int kUsed>
using Tile = Vector<T>[kColumns][kUsed];

template <class T, int kUsed>
SCHUSS_INLINE void get_tile(Tile<T, kUsed>& tile, const T* columns) {
#pragma GCC unroll 8
    for (int c = 0; c < kColumns; ++c)
#pragma GCC unroll 4
        for (int v = 0; v < kUsed; ++v) tile[c][v] = part(columns + c * kRows<T>, v);
}

template <class T, int kUsed>
SCHUSS_INLINE void put_tile(T* columns, const Tile<T, kUsed>& tile) {
#pragma GCC unroll 8
    for (int c = 0; c < kColumns; ++c)
#pragma GCC unroll 4
        for (int v = 0; v < kUsed; ++v) put(columns + c * kRows<T>, v, tile[c][v]);
}

// tile -= left right', `count` columns of each, a multiple of kColumns; those of the tile lie one
// after the other. What is at `next` is fetched on the way.
template <class T, int kUsed>
SCHUSS_INLINE void subtract_products(T* tile, const T* left, const T* right, std::int64_t count,
                                     const T* next) {
#if defined(SCHUSS_TILE_IN_ASSEMBLY)
    if constexpr (kUsed == kVectors) return subtract_in_tile(tile, left, right, count, next);
#endif
    Tile<T, kUsed> sums;
    get_tile<T, kUsed>(sums, tile);
    for (std::int64_t k = 0; k < count; ++k) {
        __builtin_prefetch(next + k * kRows<T>);
        Vector<T> column[kUsed];
#pragma GCC unroll 4
        for (int v = 0; v < kUsed; ++v) column[v] = part(left + k * kRows<T>, v);
#pragma GCC unroll 8
        for (int c = 0; c < kColumns; ++c) {
            const auto scalar = broadcast<Vector<T>>(right[k * kRows<T> + c]);
#pragma GCC unroll 4
            for (int v = 0; v < kUsed; ++v)
                sums[c][v] = subtract_product(column[v], scalar, sums[c][v]);
        }
    }
    put_tile<T, kUsed>(tile, sums);
}

// What to fetch while the products with row j are taken: the next rows, or in assembly a share of
// the next panel, whose rows the tiles to come all need.
template <class T>
SCHUSS_INLINE const T* next_right(const T* panels, std::int64_t j, std::int64_t first) {
#if defined(SCHUSS_TILE_IN_ASSEMBLY)
    return panel(panels, j / kRows<T> + 1) + first * kRows<T> + j % kRows<T> * kPanelColumns;
#else
    return row(panels, j + kColumns) + first * kRows<T>;
#endif
}

// Vectors of panel p that the matrix has: the last panel may need fewer than kVectors, and what
// lies beyond them is never looked at.
template <class T>
SCHUSS_INLINE int used_vectors(std::int64_t n, std::int64_t p) {
    const std::int64_t here = n - p * kRows<T>,
                       vectors = (here + kLaneCount<T> - 1) / kLaneCount<T>;
    return vectors < kVectors ? static_cast<int>(vectors) : kVectors;
}

template <class T, class F>
SCHUSS_INLINE auto with_used(std::int64_t n, std::int64_t p, const F& work) {
    const int used = used_vectors<T>(n, p);
    if (used == 1) return work.template operator()<1>();
    if (used == 2) return work.template operator()<2>();
    return work.template operator()<kVectors>();
}

template <class T>
void pack(const Strided& a, std::int64_t n, std::int64_t p, double shift, char* to) {
    constexpr std::int64_t rows = kRows<T>;
    T* own = panel(reinterpret_cast<T*>(to), p);
    const std::int64_t top = p * rows, here = n - top < rows ? n - top : rows;
    const auto row_of = [&](std::int64_t i) {
        return a.data + i * a.row + i * (i - 1) / 2 * a.growth;
    };
    // Whole sums of back substitution, which multiplies what is beyond n by zero.
    const int used = (used_vectors<T>(n, p) + kParts - 1) / kParts * kParts;
    for (std::int64_t k = here < rows ? 0 : top; k < top + rows; ++k)
        for (int v = 0; v < used; ++v) put(own + k * rows, v, Vector<T>{});
    if (a.row == sizeof(T) && a.growth == 0) {
        for (std::int64_t k = 0; k < top; ++k)
            __builtin_memcpy(own + k * rows, a.data + top * a.row + k * a.column,
                             static_cast<decltype(sizeof(T))>(here) * sizeof(T));
    } else {
        // A cache line of each row at a time: rows are what lies together, if anything does. They
        // are more streams than the hardware fetches ahead by itself: 3 times as fast in float32.
        constexpr std::int64_t line = 64 / sizeof(T);
        for (std::int64_t first = 0; first < top; first += line) {
            const std::int64_t end = first + line < top ? first + line : top;
            for (std::int64_t i = 0; i < here; ++i) {
                const char* from = row_of(top + i);
                __builtin_prefetch(from + (first + 4 * line) * a.column);
                for (std::int64_t k = first; k < end; ++k)
                    own[k * rows + i] = load<T>(from + k * a.column);
            }
        }
    }
    for (std::int64_t i = 0; i < here; ++i) {
        const char* from = row_of(top + i) + top * a.column;
        for (std::int64_t k = 0; k <= i; ++k)
            own[(top + k) * rows + i] = load<T>(from + k * a.column);
    }
    for (std::int64_t i = 0; i < here; ++i) own[(top + i) * rows + i] += static_cast<T>(shift);
}

template <class T>
void unpack(const char* from, std::int64_t n, std::int64_t p, const Strided& l) {
    constexpr std::int64_t rows = kRows<T>, line = 64 / sizeof(T);
    const T* own = panel(reinterpret_cast<const T*>(from), p);
    const std::int64_t top = p * rows, here = n - top < rows ? n - top : rows;
    const auto set = [&](std::int64_t i, std::int64_t k, T value) {
        store(l.data + (top + i) * l.row + k * l.column, value);
    };
    for (std::int64_t first = 0; first < top + here; first += line) {
        const std::int64_t end = first + line < top + here ? first + line : top + here;
        for (std::int64_t i = 0; i < here; ++i)
            for (std::int64_t k = first; k < end; ++k) set(i, k, own[k * rows + i]);
    }
    for (std::int64_t i = 0; i < here; ++i)
        for (std::int64_t k = top + here; k < n; ++k) set(i, k, 0);
}

template <class T>
constexpr T kLargest =
    sizeof(T) == sizeof(double) ? static_cast<T>(__DBL_MAX__) : static_cast<T>(__FLT_MAX__);

// The vector of a column that a row is in.
template <class T, int kUsed>
SCHUSS_INLINE Vector<T> pick(const Vector<T> (&column)[kUsed], std::int64_t row) {
    Vector<T> result = column[0];
    if constexpr (kUsed > 1)
        if (row >= kLaneCount<T>) result = column[1];
    if constexpr (kUsed > 2)
        if (row >= 2 * kLaneCount<T>) result = column[2];
    return result;
}

template <class T, int kUsed>
std::int64_t factor_used(char* data, char* inverse_data, std::int64_t n, std::int64_t p,
                         std::int64_t first) {
    constexpr std::int64_t rows = kRows<T>, lanes = kLaneCount<T>;
    T* panels = reinterpret_cast<T*>(data);
    T* inverse = reinterpret_cast<T*>(inverse_data);
    T* own = panel(panels, p);
    const std::int64_t top = p * rows;
    std::int64_t end = first + kPanelColumns;
    if (end > top + rows) end = top + rows;
    if (end > n) end = n;
    for (std::int64_t j = first; j < end; j += kColumns) {
        const T* right = row(panels, j);
        subtract_products<T, kUsed>(own + j * rows, own + first * rows, right + first * rows,
                                    j - first, right);
        Tile<T, kUsed> tile;
        get_tile<T, kUsed>(tile, own + j * rows);
#pragma GCC unroll 8
        for (int c = 0; c < kColumns; ++c) {
            T* column = own + (j + c) * rows;
            const std::int64_t lane = j + c - top;  // of the diagonal, if this panel has it
            const bool diagonal = lane >= 0;
            T scale;
            if (diagonal) {
                if (j + c >= n) break;
                const T pivot = spread<T>(pick<T, kUsed>(tile[c], lane), lane % lanes)[0];
                if (!(pivot > 0 && pivot <= kLargest<T>)) {
                    column[lane] = pivot;
                    return j + c;
                }
                scale = inverse[j + c] = 1 / sqrt(pivot);
            } else {
                scale = inverse[j + c];
            }
#pragma GCC unroll 4
            for (int v = 0; v < kUsed; ++v) {
                tile[c][v] = tile[c][v] * broadcast<Vector<T>>(scale);
                if (diagonal) {
                    const auto limit = broadcast<Vector<T>>(static_cast<double>(lane));
                    tile[c][v] = select(row_numbers<T>(v) < limit, Vector<T>{}, tile[c][v]);
                }
                put(column, v, tile[c][v]);
            }
#pragma GCC unroll 8
            for (int next = c + 1; next < kColumns; ++next) {
                const std::int64_t own_row = lane + next - c;
                const Vector<T> scalar =
                    diagonal ? spread<T>(pick<T, kUsed>(tile[c], own_row), own_row % lanes)
                             : broadcast<Vector<T>>(right[(j + c) * rows + next]);
#pragma GCC unroll 4
                for (int v = 0; v < kUsed; ++v)
                    tile[next][v] = subtract_product(tile[c][v], scalar, tile[next][v]);
            }
        }
    }
    return -1;
}

template <class T>
std::int64_t factor(char* panels, char* inverse, std::int64_t n, std::int64_t height,
                    std::int64_t p, std::int64_t first) {
    return with_used<T>(height, p, [&]<int kUsed>() {
        return factor_used<T, kUsed>(panels, inverse, n, p, first);
    });
}

template <class T>
void update(char* data, std::int64_t n, std::int64_t p, std::int64_t first) {
    constexpr std::int64_t rows = kRows<T>;
    T* panels = reinterpret_cast<T*>(data);
    T* own = panel(panels, p);
    const std::int64_t end = (p + 1) * rows < n ? (p + 1) * rows : n;
    constexpr std::int64_t line = 64 / sizeof(T);
    // Tiles are fetched two ahead: with what is fetched of right, 46 to 51 GF/s of 59 at n = 2,000
    // (AVX-512).
    for (std::int64_t j = first + kPanelColumns; j < end; j += kColumns) {
        const T* soon = own + (j + 2 * kColumns) * rows;
        for (std::int64_t e = 0; e < kColumns * rows; e += line) __builtin_prefetch(soon + e, 1);
        subtract_products<T, kVectors>(own + j * rows, own + first * rows,
                                       row(panels, j) + first * rows, kPanelColumns,
                                       next_right<T>(panels, j, first));
    }
}

// Panel p of L y = b: what the panels above make of it, then its own unknowns in order.
template <class T, int kUsed>
void forward_panel(const T* own, const T* inverse, std::int64_t top, std::int64_t end, T* y) {
    constexpr std::int64_t rows = kRows<T>;
    Vector<T> rest[kUsed];
    for (int v = 0; v < kUsed; ++v) rest[v] = part(y + top, v);
    for (std::int64_t k = 0; k < top; ++k) subtract_column<T, kUsed>(rest, own + k * rows, y[k]);
    for (std::int64_t k = top; k < end; ++k) {
        alignas(kVectorBytes) T lanes[kUsed * kLaneCount<T>];
        for (int v = 0; v < kUsed; ++v) put(lanes, v, rest[v]);
        y[k] = lanes[k - top] * inverse[k];
        subtract_column<T, kUsed>(rest, own + k * rows, y[k]);
    }
}

template <class T>
void forward(const char* data, const char* inverse_data, std::int64_t n, char* y_data) {
    const T *panels = reinterpret_cast<const T*>(data),
            *inverse = reinterpret_cast<const T*>(inverse_data);
    T* y = reinterpret_cast<T*>(y_data);
    for (std::int64_t p = 0, top = 0; top < n; ++p, top += kRows<T>) {
        const std::int64_t end = top + kRows<T> < n ? top + kRows<T> : n;
        with_used<T>(n, p, [&]<int kUsed>() {
            forward_panel<T, kUsed>(panel(panels, p), inverse, top, end, y);
        });
    }
}

template <class T>
struct LaneSum {
    using Part = typename Wide<T, kPartBytes>::Vector;
    Part parts[kParts] = {};

    SCHUSS_INLINE static Part part(const T* from, int q) {
        return load<Part>(reinterpret_cast<const char*>(from) + q * kPartBytes);
    }
    SCHUSS_INLINE void add(const T* column, const LaneSum& x) {
#pragma GCC unroll 2
        for (int q = 0; q < kParts; ++q)
            parts[q] = add_product(part(column, q), x.parts[q], parts[q]);
    }
    SCHUSS_INLINE T total() const {
        if constexpr (kParts == 2) return sum_lanes<T, kPartBytes>(parts[0] + parts[1]);
        return sum_lanes<T, kPartBytes>(parts[0]);
    }
};

template <class T>
SCHUSS_INLINE LaneSum<T> get_lanes(const T* from) {
    LaneSum<T> x;
#pragma GCC unroll 2
    for (int q = 0; q < kParts; ++q) x.parts[q] = LaneSum<T>::part(from, q);
    return x;
}

// As many columns as there are lanes, from the last: each less its sum over the rows after them;
// among themselves one after the other.
template <class T>
void backward(const char* data, const char* inverse_data, std::int64_t n, char* y_data) {
    constexpr std::int64_t rows = kRows<T>;
    constexpr int lanes = kLanesOfSum<T>;
    const T *panels = reinterpret_cast<const T*>(data),
            *inverse = reinterpret_cast<const T*>(inverse_data);
    T* y = reinterpret_cast<T*>(y_data);
    for (std::int64_t first = (n - 1) / lanes * lanes; first >= 0; first -= lanes) {
        LaneSum<T> sums[lanes];
        for (std::int64_t p = (n - 1) / rows; p >= first / rows; --p) {
            const std::int64_t top = p * rows;
            const T* column = panel(panels, p) + first * rows;
            for (std::int64_t i = rows - lanes; i >= 0; i -= lanes) {
                if (top + i <= first) break;
                if (top + i >= n) continue;
                const LaneSum<T> x = get_lanes(y + top + i);
#pragma GCC unroll 8
                for (int c = 0; c < lanes; ++c) sums[c].add(column + c * rows + i, x);
            }
        }
#pragma GCC unroll 8
        for (int c = 0; c < lanes; ++c) y[first + c] -= sums[c].total();
        const std::int64_t end = first + lanes < n ? first + lanes : n;
        for (std::int64_t i = end; i-- > first;) {
            const T* own = row(panels, i);
            y[i] = y[i] * inverse[i];
            for (std::int64_t k = i; k-- > first;)
                y[k] = subtract_product(own[k * rows], y[i], y[k]);
        }
    }
}

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

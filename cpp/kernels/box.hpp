// The bounds of a block of variables, and which of them are active.
#pragma once
#include "core/types.hpp"
#include "kernels/reduce.hpp"
#include "simd/vec.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct Unbounded {
    static constexpr bool kBounded = false;
};

// One of type T for each element of a block; of a pair for all there are copies for one vector,
// which all read again, at a stride of 0.
template <class T>
struct Bounded {
    static constexpr bool kBounded = true;
    const char *low, *high;
    double reach;
    std::int64_t stride;

    template <class V>
    SCHUSS_INLINE V lower(std::int64_t i) const {
        return read<T, V>(low + i * stride);
    }
    template <class V>
    SCHUSS_INLINE V upper(std::int64_t i) const {
        return read<T, V>(high + i * stride);
    }
};

// Calls body with the bounds of the block that begins there.
template <class T, class Body>
SCHUSS_INLINE void with_bounds(const Box* box, std::int64_t begin, const Body& body) {
    if (!box) return body(Unbounded{});
    T low[kDoubles], high[kDoubles];
    Bounded<T> bounds{reinterpret_cast<const char*>(low), reinterpret_cast<const char*>(high),
                      box->reach, 0};
    if (box->lower)
        bounds = {box->lower + begin * kSize<T>, box->upper + begin * kSize<T>, box->reach,
                  kSize<T>};
    else
        for (std::int64_t k = 0; k < kDoubles; ++k) {
            low[k] = static_cast<T>(box->low);
            high[k] = static_cast<T>(box->high);
        }
    body(bounds);
}

template <class V>
SCHUSS_INLINE V clamp(V x, V lower, V upper) {
    return minimum(maximum(x, lower), upper);
}

template <class T>
constexpr double kRounding = sizeof(T) == sizeof(double) ? __DBL_EPSILON__ : __FLT_EPSILON__;

// x + s inside, of an x of type T and an s of type D: on a bound where their rounding alone is
// between the two.
template <class T, class D, class V>
SCHUSS_INLINE V landed(V x, V s, V lower, V upper) {
    const V to = clamp(x + s, lower, upper);
    const V near = 2.0 * kRounding<T> * abs(x) + 2.0 * kRounding<D> * abs(s);
    const V low = select(to - lower <= near, lower, to);
    return select(s == V{}, x, select(upper - to <= near, upper, low));
}

// x - P(x - g) without its rounding, P the projection.
template <class V>
SCHUSS_INLINE V projected(V g, V x, V lower, V upper) {
    return select(g < V{}, maximum(x - upper, g), minimum(x - lower, g));
}

// Element i of a block: where x - reach g leads to, and whether g counts.
template <class V>
struct Sides {
    V lower, upper;
    decltype(V{} < V{}) down, up, fixed;

    template <class B>
    SCHUSS_INLINE Sides(const B& bounds, std::int64_t i, V x, V g)
        : lower(bounds.template lower<V>(i)), upper(bounds.template upper<V>(i)) {
        const V ahead = x - bounds.reach * g;
        down = (V{} < g) & (ahead <= lower);
        up = (g < V{}) & (upper <= ahead);
        fixed = lower == upper;
    }
    SCHUSS_INLINE V free(V g) const { return select(down | up | fixed, V{}, g); }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

// The bounds of a block of variables, and which of them are active.
#pragma once
#include "core/types.hpp"
#include "simd/vec.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct Unbounded {
    static constexpr bool kBounded = false;
};

// One pair for all.
struct BoundPair {
    static constexpr bool kBounded = true;
    double low, high, reach;

    template <class V>
    SCHUSS_INLINE V lower(std::int64_t) const {
        return broadcast<V>(low);
    }
    template <class V>
    SCHUSS_INLINE V upper(std::int64_t) const {
        return broadcast<V>(high);
    }
};

// One of type T for each, from the first of the block on.
template <class T>
struct BoundVectors {
    static constexpr bool kBounded = true;
    const char *low, *high;
    double reach;

    template <class V>
    SCHUSS_INLINE V lower(std::int64_t i) const {
        return read<T, V>(low + i * kSize<T>);
    }
    template <class V>
    SCHUSS_INLINE V upper(std::int64_t i) const {
        return read<T, V>(high + i * kSize<T>);
    }
};

// Calls body with the bounds of the block that begins there.
template <class T, class Body>
SCHUSS_INLINE void with_bounds(const Box* box, std::int64_t begin, const Body& body) {
    const std::int64_t at = begin * kSize<T>;
    if (!box)
        body(Unbounded{});
    else if (box->lower)
        body(BoundVectors<T>{box->lower + at, box->upper + at, box->reach});
    else
        body(BoundPair{box->low, box->high, box->reach});
}

template <class V>
SCHUSS_INLINE V clamp(V x, V lower, V upper) {
    return minimum(maximum(x, lower), upper);
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

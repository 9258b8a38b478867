// The one driver loop. Body and tail are the same rule: a vector at a time, then one element at a
// time.
#pragma once
#include "core/types.hpp"
#include "simd/vec.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

// Out of cache the loop asks for its lines this many bytes ahead: 3 to 5 % on seven streams, where
// 1024 and 2048 are alike. In cache that costs up to 20 %.
constexpr std::int64_t kAhead = 2048;

template <class V>
struct Prepare {
    V scale, limit, l2;
    bool has_l2;  // without decay a non-finite parameter must not reach the state

    explicit Prepare(const Preparation& by)
        : scale(broadcast<V>(by.scale)),
          limit(broadcast<V>(by.limit)),
          l2(broadcast<V>(by.l2)),
          has_l2(by.l2 != 0.0) {}

    SCHUSS_INLINE V operator()(V g, V p) const {
        g = maximum(minimum(scale * g, limit), -limit);
        return has_l2 ? g + l2 * p : g;
    }
};

template <class Rule, class V, int... kAt>
SCHUSS_INLINE void apply(V& p, V g, [[maybe_unused]] V* slot, const V* c, Indices<kAt...>) {
    Rule::update(p, g, slot[kAt]..., c);
}

// Elements [begin, end) in steps of one V.
template <class Rule, class V, bool kPrepared>
SCHUSS_INLINE void update_range(Piece piece, std::int64_t begin, std::int64_t end,
                                const double* coefficients, const Preparation& preparation) {
    using T = typename Lane<V>::Type;
    constexpr std::int64_t width = sizeof(V) / sizeof(T);
    constexpr int n = word_count(Rule::slots);
    static_assert(n <= kMaxSlots && Rule::kCoefficients <= kMaxCoefficients);
    V c[Rule::kCoefficients];
    for (int k = 0; k < Rule::kCoefficients; ++k) c[k] = broadcast<V>(coefficients[k]);
    const Prepare<V> prepare(preparation);
    for (std::int64_t i = begin; i < end; i += width) {
        const std::int64_t at = i * static_cast<std::int64_t>(sizeof(T));
        if (piece.streaming) {
            __builtin_prefetch(piece.param + at + kAhead);
            __builtin_prefetch(piece.grad + at + kAhead);
            for (int s = 0; s < n; ++s) __builtin_prefetch(piece.slots[s] + at + kAhead);
        }
        V p = load<V>(piece.param + at);
        V g = load<V>(piece.grad + at);
        V slot[n ? n : 1];
        for (int s = 0; s < n; ++s) slot[s] = load<V>(piece.slots[s] + at);
        if constexpr (kPrepared) g = prepare(g, p);
        apply<Rule>(p, g, slot, c, UpTo<n>());
        store(piece.param + at, p);
        for (int s = 0; s < n; ++s) store(piece.slots[s] + at, slot[s]);
    }
}

template <class Rule, class T, bool kPrepared>
void update(const Piece& piece, const double* coefficients, const Preparation& preparation) {
    constexpr std::int64_t width = kVectorBytes / sizeof(T);
    const std::int64_t body = piece.count / width * width;
    update_range<Rule, Vector<T>, kPrepared>(piece, 0, body, coefficients, preparation);
    update_range<Rule, T, kPrepared>(piece, body, piece.count, coefficients, preparation);
}

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

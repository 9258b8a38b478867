// The one driver loop. Body and tail are the same rule: a vector at a time, then what is left.
#pragma once
#include "core/types.hpp"
#include "kernels/reduce.hpp"
#include "simd/vec.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

// A policy, rounded once to the lanes of V.
template <class V>
struct Around {
    V scale, limit, l2, decay;
    bool has_l2,
        has_decay;  // without them a non-finite parameter must reach neither state nor step

    explicit Around(const Policy& by)
        : scale(broadcast<V>(by.scale)),
          limit(broadcast<V>(by.limit)),
          l2(broadcast<V>(by.l2)),
          decay(broadcast<V>(by.decay)),
          has_l2(by.l2 != 0.0),
          has_decay(by.decay != 0.0) {}

    SCHUSS_INLINE V prepared(V g, V p) const {
        g = maximum(minimum(scale * g, limit), -limit);
        return has_l2 ? g + l2 * p : g;
    }
    SCHUSS_INLINE V moved(V p, V step) const {
        return has_decay ? p - (decay * p + step) : p - step;
    }
};

// Rules with sums take two passes: `gather` updates states and gives the terms whose squares are
// added up for each tensor, and `set_sums` makes coefficients of the sums.
template <class Rule>
constexpr int kSumsOf = [] {
    if constexpr (requires { Rule::sums; })
        return word_count(Rule::sums);
    else
        return 0;
}();

// Whether the pass that moves parameters writes the slots and reads the gradient.
template <class Rule>
constexpr bool kLast = [] {
    if constexpr (requires { Rule::all_in_gather; })
        return !Rule::all_in_gather;
    else
        return true;
}();

// A rule that needs the parameter takes it before the gradient.
template <class Rule, class V, int... kAt>
SCHUSS_INLINE V step_of(V p, V g, [[maybe_unused]] V* slot, const V* c, Indices<kAt...>) {
    if constexpr (requires { Rule::step(p, g, slot[kAt]..., c); })
        return Rule::step(p, g, slot[kAt]..., c);
    else
        return Rule::step(g, slot[kAt]..., c);
}

template <class Rule, class V, int... kAt>
SCHUSS_INLINE void gather_terms(V p, V g, V* slot, const V* c, V* term, Indices<kAt...>) {
    Rule::gather(p, g, slot[kAt]..., c, term);
}

template <class Rule, class V>
SCHUSS_INLINE void broadcast_all(const double* coefficients, V* c) {
    static_assert(word_count(Rule::slots) <= kMaxSlots && kSumsOf<Rule> <= kMaxSums);
    static_assert(Rule::kCoefficients <= kMaxCoefficients);
    for (int k = 0; k < Rule::kCoefficients; ++k) c[k] = broadcast<V>(coefficients[k]);
}

// Elements [begin, end), a Lanes::V at a time.
template <class Rule, class Lanes, Part kPart>
SCHUSS_INLINE void update_range(Piece piece, std::int64_t begin, std::int64_t end,
                                const double* coefficients, const Policy& policy) {
    using V = typename Lanes::V;
    using T = typename Lane<V>::Type;
    constexpr std::int64_t width = sizeof(V) / sizeof(T);
    constexpr int n = word_count(Rule::slots);
    V c[Rule::kCoefficients];
    broadcast_all<Rule>(coefficients, c);
    const Around<V> around(policy);
    for (std::int64_t i = begin; i < end; i += width) {
        const std::int64_t at = i * static_cast<std::int64_t>(sizeof(T));
        if (piece.streaming) {
            __builtin_prefetch(piece.param + at + kAhead);
            if (kLast<Rule>) __builtin_prefetch(piece.grad + at + kAhead);
            for (int s = 0; s < n; ++s) __builtin_prefetch(piece.slots[s] + at + kAhead);
        }
        const Lanes lanes(end - i);
        V p = lanes.load(piece.param + at);
        V g = lanes.load(piece.grad + at);
        V slot[n ? n : 1];
        for (int s = 0; s < n; ++s) slot[s] = lanes.load(piece.slots[s] + at);
        if constexpr (kPart == kAll) g = around.prepared(g, p);
        const V step = step_of<Rule>(p, g, slot, c, UpTo<n>());
        lanes.store(piece.param + at, kPart == kNothing ? p - step : around.moved(p, step));
        if constexpr (kLast<Rule>)
            for (int s = 0; s < n; ++s) lanes.store(piece.slots[s] + at, slot[s]);
    }
}

template <class Rule, class T, Part kPart>
void update(const Piece& piece, const double* coefficients, const Policy& policy) {
    constexpr std::int64_t width = kVectorBytes / sizeof(T);
    const std::int64_t body = piece.count / width * width;
    update_range<Rule, Whole<Vector<T>>, kPart>(piece, 0, body, coefficients, policy);
    update_range<Rule, Tail<T>, kPart>(piece, body, piece.count, coefficients, policy);
}

// Elements [begin, end) in steps of one V, in whole rounds of lanes where V is a vector.
template <class Rule, class V, class Sums>
SCHUSS_INLINE void gather_range(const Piece& piece, std::int64_t begin, std::int64_t end,
                                const double* coefficients, const Policy& policy, Sums* sums) {
    using T = typename Lane<V>::Type;
    constexpr std::int64_t width = sizeof(V) / sizeof(T), round = width == 1 ? 1 : kLanes;
    constexpr int n = word_count(Rule::slots);
    V c[Rule::kCoefficients];
    broadcast_all<Rule>(coefficients, c);
    const Around<V> around(policy);
    for (std::int64_t i = begin; i < end; i += round)
        for (std::int64_t lane = 0; lane < round; lane += width) {
            const std::int64_t at = (i + lane) * static_cast<std::int64_t>(sizeof(T));
            __builtin_prefetch(piece.param + at + kAhead);
            __builtin_prefetch(piece.grad + at + kAhead);
            V p = load<V>(piece.param + at);
            V g = around.prepared(load<V>(piece.grad + at), p);
            V slot[n], term[kSumsOf<Rule>];
            for (int s = 0; s < n; ++s) {
                if constexpr (!kLast<Rule>) __builtin_prefetch(piece.slots[s] + at + kAhead);
                slot[s] = load<V>(piece.slots[s] + at);
            }
            gather_terms<Rule>(p, g, slot, c, term, UpTo<n>());
            if constexpr (!kLast<Rule>)
                for (int s = 0; s < n; ++s) store(piece.slots[s] + at, slot[s]);
            for (int k = 0; k < kSumsOf<Rule>; ++k) sums[k].add(term[k], (i + lane) % kLanes);
        }
}

template <class Rule, class T>
void gather(const Piece& piece, const double* coefficients, const Policy& policy, double* out) {
    LaneSums<Vector<double>> sums[kSumsOf<Rule>];
    LaneSums<double> rest[kSumsOf<Rule>];
    const std::int64_t body = piece.count / kLanes * kLanes;
    gather_range<Rule, Vector<T>>(piece, 0, body, coefficients, policy, sums);
    gather_range<Rule, T>(piece, body, piece.count, coefficients, policy, rest);
    for (int k = 0; k < kSumsOf<Rule>; ++k) out[k] = total(sums[k], rest[k]);
}

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

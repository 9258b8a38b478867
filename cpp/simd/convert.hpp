// Elements as they are stored, and the vectors or numbers that arithmetic is done in: the only code
// that knows the bits of bfloat16 and float16. Loads are exact, and turn signalling NaNs into quiet
// ones; stores round to nearest even by integer arithmetic, whatever the rounding mode, overflow to
// infinity and keep subnormals. Where the hardware converts float16 its result is the same.
#pragma once
#include "core/element.hpp"
#include "simd/vec.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

// Unsigned numbers of a float's or a half's width, as many as V has lanes; int32 for comparisons.
template <class V>
struct Lanes;
template <>
struct Lanes<float> {
    using Word = std::uint32_t;
    using Signed = std::int32_t;
    using Half = std::uint16_t;
};
template <>
struct Lanes<Vector<float>> {
    using Word = Vector<std::uint32_t>;
    using Signed = Vector<std::int32_t>;
    using Half = Wide<std::uint16_t, kVectorBytes / 2>::Vector;
};

template <class To, class From>
SCHUSS_INLINE To bits_as(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    __builtin_memcpy(&to, &from, sizeof to);
    return to;
}

SCHUSS_INLINE std::uint32_t widen(std::uint16_t half) { return half; }
SCHUSS_INLINE std::uint16_t narrow(std::uint32_t word) { return static_cast<std::uint16_t>(word); }
SCHUSS_INLINE Lanes<Vector<float>>::Word widen(Lanes<Vector<float>>::Half half) {
    return __builtin_convertvector(half, Lanes<Vector<float>>::Word);
}
SCHUSS_INLINE Lanes<Vector<float>>::Half narrow(Lanes<Vector<float>>::Word word) {
    return __builtin_convertvector(word, Lanes<Vector<float>>::Half);
}

constexpr std::uint32_t kMagnitude = 0x7FFFFFFF, kInfinityBits = 0x7F800000;

// Numbers below 2^31.
template <class V>
SCHUSS_INLINE auto below(typename Lanes<V>::Word a, typename Lanes<V>::Word b) {
    return bits_as<typename Lanes<V>::Signed>(a) < bits_as<typename Lanes<V>::Signed>(b);
}
template <class V>
SCHUSS_INLINE typename Lanes<V>::Word word(std::uint32_t x) {
    return x - typename Lanes<V>::Word{};
}

template <class V>
SCHUSS_INLINE V from_bfloat16(typename Lanes<V>::Half half) {
    return bits_as<V>(widen(half) << 16);
}

template <class V>
SCHUSS_INLINE typename Lanes<V>::Half to_bfloat16(V x) {
    using Word = typename Lanes<V>::Word;
    const Word u = bits_as<Word>(x);
    const Word rounded = (u + 0x7FFF + ((u >> 16) & 1)) >> 16, nan = (u >> 16) | 0x40;
    return narrow(select(below<V>(word<V>(kInfinityBits), u & kMagnitude), nan, rounded));
}

// The exponent is moved; subnormal halves are normal floats, which a subtraction makes.
template <class V>
SCHUSS_INLINE V from_float16(typename Lanes<V>::Half half) {
    using Word = typename Lanes<V>::Word;
    const Word h = widen(half), sign = (h & 0x8000) << 16, payload = (h & 0x7FFF) << 13;
    const Word normal = payload + (112u << 23);
    const V scaled = bits_as<V>(payload + (113u << 23)) - bits_as<V>(word<V>(113u << 23));
    Word magnitude = select(below<V>(payload, word<V>(1u << 23)), bits_as<Word>(scaled), normal);
    const Word special = (payload + (224u << 23)) |
                         select(below<V>(word<V>(31u << 23), payload), word<V>(1u << 22), Word{});
    magnitude = select(below<V>(payload, word<V>(31u << 23)), magnitude, special);
    return bits_as<V>(magnitude | sign);
}

// Below 2^-14 an addition rounds to a multiple of 2^-24, whose bits are the half's; above, the
// rounding may carry into the exponent, up to that of infinity.
template <class V>
SCHUSS_INLINE typename Lanes<V>::Half to_float16(V x) {
    using Word = typename Lanes<V>::Word;
    const Word u = bits_as<Word>(x) & kMagnitude, sign = (bits_as<Word>(x) >> 16) & 0x8000;
    const Word half_ulp = word<V>(126u << 23);
    const Word small = bits_as<Word>(bits_as<V>(u) + bits_as<V>(half_ulp)) - half_ulp;
    const Word normal = (u - (112u << 23) + 0xFFF + ((u >> 13) & 1)) >> 13;
    const Word nan = ((u >> 13) & 0x3FF) | 0x7E00;
    Word h = select(below<V>(u, word<V>(113u << 23)), small, normal);
    h = select(below<V>(u, word<V>(143u << 23)), h, word<V>(0x7C00));
    h = select(below<V>(word<V>(kInfinityBits), u), nan, h);
    return narrow(h | sign);
}

#if defined(__AVX512F__)
template <>
SCHUSS_INLINE Vector<float> from_float16<Vector<float>>(Lanes<Vector<float>>::Half half) {
    return (Vector<float>)_mm512_maskz_cvtph_ps(0xFFFF, (__m256i)half);
}
template <>
SCHUSS_INLINE Lanes<Vector<float>>::Half to_float16<Vector<float>>(Vector<float> x) {
    return (Lanes<Vector<float>>::Half)_mm512_maskz_cvtps_ph(0xFFFF, (__m512)x,
                                                             _MM_FROUND_TO_NEAREST_INT);
}
#elif defined(__F16C__)
template <>
SCHUSS_INLINE Vector<float> from_float16<Vector<float>>(Lanes<Vector<float>>::Half half) {
    return (Vector<float>)_mm256_cvtph_ps((__m128i)half);
}
template <>
SCHUSS_INLINE Lanes<Vector<float>>::Half to_float16<Vector<float>>(Vector<float> x) {
    return (Lanes<Vector<float>>::Half)_mm256_cvtps_ph((__m256)x, _MM_FROUND_TO_NEAREST_INT);
}
#endif

// As many elements of type S as V has lanes.
template <class S, class V>
SCHUSS_INLINE V load_as(const char* from) {
    using T = typename Lane<V>::Type;
    if constexpr (__is_same(S, T)) {
        return load<V>(from);
    } else if constexpr (__is_same(S, BFloat16) && __is_same(T, float)) {
        return from_bfloat16<V>(load<typename Lanes<V>::Half>(from));
    } else if constexpr (__is_same(S, Float16) && __is_same(T, float)) {
        return from_float16<V>(load<typename Lanes<V>::Half>(from));
    } else if constexpr (__is_same(S, BFloat16) || __is_same(S, Float16)) {
        return static_cast<V>(load_as<S, float>(from));
    } else if constexpr (__is_same(S, std::uint32_t)) {
        // Through a signed type: compilers make a fused multiply-add of the unsigned one.
        return static_cast<V>(static_cast<std::int64_t>(load<S>(from)));
    } else {
        return static_cast<V>(load<S>(from));
    }
}

template <class S, class V>
SCHUSS_INLINE void store_as(char* to, V x) {
    if constexpr (__is_same(S, typename Lane<V>::Type)) {
        store(to, x);
    } else if constexpr (__is_same(S, BFloat16)) {
        store(to, to_bfloat16(x));
    } else {
        store(to, to_float16(x));
    }
}

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

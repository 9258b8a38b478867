// a1 exp(-k1 x) + a2 exp(-k2 x).
#pragma once
#include "models/exponential.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct Biexponential {
    static constexpr char parameters[] = "a1 k1 a2 k2";
    static constexpr int variables = 1;
    Exponential first, second;

    SCHUSS_INLINE explicit Biexponential(const Reals* p) : first(p), second(p + 2) {}

    SCHUSS_INLINE Reals at(const Reals* x, Reals* d) const {
        const Reals value = first.at(x, d);
        return value + second.at(x, d + 2);
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

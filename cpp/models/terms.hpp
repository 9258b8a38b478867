// What models are made of. A model says its parameters and variables, takes its parameters, one fit
// in each lane, and gives value and derivatives with respect to them at a point x.
#pragma once
#include "simd/elementary.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

// Model M, with a constant and a slope in each variable added, as wanted: their parameters follow
// M's, in this order.
template <class M, bool kOffset, bool kSlope>
struct WithLine {
    static constexpr int kOwn = word_count(M::parameters), kVariables = M::variables;
    static constexpr int kParameters = kOwn + kOffset + (kSlope ? kVariables : 0);
    M model;
    const Reals* line;

    SCHUSS_INLINE explicit WithLine(const Reals* p) : model(p), line(p + kOwn) {}

    SCHUSS_INLINE Reals at(const Reals* x, Reals* d) const {
        Reals value = model.at(x, d);
        if constexpr (kOffset) {
            value = value + line[0];
            d[kOwn] = broadcast<Reals>(1.0);
        }
        if constexpr (kSlope)
            for (int v = 0; v < kVariables; ++v) {
                value = value + line[kOffset + v] * x[v];
                d[kOwn + kOffset + v] = x[v];
            }
        return value;
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

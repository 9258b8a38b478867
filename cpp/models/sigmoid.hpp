// height/(1 + exp(-t)), t = (x - center)/width; the exponential is of -|t|, which does not
// overflow.
#pragma once
#include "models/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct Sigmoid {
    static constexpr char parameters[] = "height center width";
    static constexpr int variables = 1;
    Reals height, center, inverse;

    SCHUSS_INLINE explicit Sigmoid(const Reals* p)
        : height(p[0]), center(p[1]), inverse(1.0 / p[2]) {}

    SCHUSS_INLINE Reals at(const Reals* x, Reals* d) const {
        const Reals t = (x[0] - center) * inverse, e = exp(-abs(t)), part = 1.0 / (1.0 + e);
        d[0] = select(t < 0.0, e * part, part);
        d[1] = -height * (e * part * part) * inverse;
        d[2] = d[1] * t;
        return height * d[0];
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

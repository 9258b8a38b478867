// height exp(-z^2/2), z = (x - center)/sigma.
#pragma once
#include "models/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct Gaussian {
    static constexpr char parameters[] = "height center sigma";
    static constexpr int variables = 1;
    Reals height, center, inverse;

    SCHUSS_INLINE explicit Gaussian(const Reals* p)
        : height(p[0]), center(p[1]), inverse(1.0 / p[2]) {}

    SCHUSS_INLINE Reals at(const Reals* x, Reals* d) const {
        const Reals z = (x[0] - center) * inverse;
        d[0] = exp(-0.5 * z * z);
        const Reals value = height * d[0];
        d[1] = value * z * inverse;
        d[2] = d[1] * z;
        return value;
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

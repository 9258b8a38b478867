// height/(1 + u^2), u = (x - center)/gamma.
#pragma once
#include "models/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct Lorentzian {
    static constexpr char parameters[] = "height center gamma";
    static constexpr int variables = 1;
    Reals height, center, inverse;

    SCHUSS_INLINE explicit Lorentzian(const Reals* p)
        : height(p[0]), center(p[1]), inverse(1.0 / p[2]) {}

    SCHUSS_INLINE Reals at(const Reals* x, Reals* d) const {
        const Reals u = (x[0] - center) * inverse;
        d[0] = 1.0 / (1.0 + u * u);
        const Reals value = height * d[0];
        d[1] = 2.0 * value * d[0] * u * inverse;
        d[2] = d[1] * u;
        return value;
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

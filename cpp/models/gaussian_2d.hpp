// height exp(-(u^2 + v^2)/2), u = (x - center_x)/sigma_x, v = (y - center_y)/sigma_y.
#pragma once
#include "models/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct Gaussian2d {
    static constexpr char parameters[] = "height center_x center_y sigma_x sigma_y";
    static constexpr int variables = 2;
    Reals height, center_x, center_y, inverse_x, inverse_y;

    SCHUSS_INLINE explicit Gaussian2d(const Reals* p)
        : height(p[0]),
          center_x(p[1]),
          center_y(p[2]),
          inverse_x(1.0 / p[3]),
          inverse_y(1.0 / p[4]) {}

    SCHUSS_INLINE Reals at(const Reals* x, Reals* d) const {
        const Reals u = (x[0] - center_x) * inverse_x, v = (x[1] - center_y) * inverse_y;
        d[0] = exp(-0.5 * (u * u + v * v));
        const Reals value = height * d[0];
        d[1] = value * u * inverse_x;
        d[2] = value * v * inverse_y;
        d[3] = d[1] * u;
        d[4] = d[2] * v;
        return value;
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

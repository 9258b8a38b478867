// The pseudo-Voigt profile: height ((1 - fraction) G + fraction L), a Gaussian G = exp(-z^2/2) and
// a Lorentzian L = 1/(1 + z^2/(2 ln 2)) of equal widths at half height, z = (x - center)/sigma.
#pragma once
#include "models/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct Voigt {
    static constexpr char parameters[] = "height center sigma fraction";
    static constexpr int variables = 1;
    static constexpr double kPerSquare = 0x1.71547652b82fep-1;  // 1/(2 ln 2)
    Reals height, center, inverse, fraction;

    SCHUSS_INLINE explicit Voigt(const Reals* p)
        : height(p[0]), center(p[1]), inverse(1.0 / p[2]), fraction(p[3]) {}

    SCHUSS_INLINE Reals at(const Reals* x, Reals* d) const {
        const Reals z = (x[0] - center) * inverse, square = z * z;
        const Reals gauss = exp(-0.5 * square), lorentz = 1.0 / (1.0 + square * kPerSquare);
        const Reals part = (1.0 - fraction) * gauss, other = fraction * lorentz;
        d[0] = part + other;
        d[1] = height * (part + 2.0 * kPerSquare * other * lorentz) * z * inverse;
        d[2] = d[1] * z;
        d[3] = height * (lorentz - gauss);
        return height * d[0];
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

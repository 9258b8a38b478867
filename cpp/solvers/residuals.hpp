// Residuals as they are told, and what a fit knows of them.
#pragma once
#include <cstdint>
#include <vector>

namespace schuss {

struct Residuals {
    const double* values;
    std::int64_t count;
    std::int64_t observations;  // which they stand for: as many, or more where QR has reduced them
    // Of a robust loss rho(z), z = (r / scale)^2: the values of rho, rho' and rho'', one row after
    // the other; null for squares.
    const double* rho = nullptr;
};

// At the point taken last; empty before it is known.
struct Fitted {
    const std::vector<double>& residuals;  // as they were told
    const std::vector<double>& jacobian;   // row-major; of a robust loss that of its linear model
    const std::vector<double>& scale;      // the largest |J_j| so far, 1 for a column of zeros
    double offset;                         // relative; NaN where the Jacobian does not tell it
    std::int64_t observations;
};

}  // namespace schuss

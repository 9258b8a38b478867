// A dense Hessian: as it is told, and as it is shown.
#pragma once
#include <cstdint>
#include <functional>

namespace schuss {

struct LaneModel;

struct Hessian {
    const double* elements;  // n x n
    // What is known of it already, and of the gradient: the bits that come out of a Quadratic too.
    const LaneModel* known = nullptr;
};

// Element (i, j) of a symmetric matrix; empty where there is none.
using Elements = std::function<double(std::int64_t, std::int64_t)>;

}  // namespace schuss

// A dense Hessian as it is told.
#pragma once

namespace schuss {

struct LaneModel;

struct Hessian {
    const double* elements;  // n x n
    // What is known of it already, and of the gradient: the bits that come out of a Quadratic too.
    const LaneModel* known = nullptr;
};

}  // namespace schuss

// A step for a trust region from products with B alone: conjugate gradients for B p = -g, which end
// at the boundary of the region, along the first direction of negative curvature, or when the
// residual is small enough. Steihaug 1983; Toint 1981; Nocedal and Wright 2006, algorithm 7.2.
#pragma once
#include <vector>

#include "steps/archive.hpp"
#include "steps/vectors.hpp"

namespace schuss {

class Steihaug {
  public:
    // Vectors have `room` elements, of which n are used.
    Steihaug(std::int64_t n, std::int64_t room);

    // enough: the residual that will do, as a part of |g|; the root of |g| where that is less.
    void start(const std::vector<double>& g, double radius, std::int64_t most_products,
               double enough);
    bool done() const { return done_; }
    const std::vector<double>& direction() const { return direction_; }
    void tell(const double* b_direction);

    const std::vector<double>& step() const { return p_; }
    double predicted() const { return predicted_; }  // the decrease of g.p + p.B p / 2
    // The smallest and the largest v.B v / v.v of the directions so far.
    double least() const { return least_; }
    double most() const { return most_; }

    void visit(Archive& archive);

  private:
    std::int64_t n_;
    VectorWork work_;
    std::vector<double> p_, direction_, residual_, next_;
    double radius_ = 0.0, squares_ = 0.0, enough_ = 0.0;
    double predicted_ = 0.0, least_ = 0.0, most_ = 0.0;
    std::int64_t products_left_ = 0;
    bool done_ = true;
};

}  // namespace schuss

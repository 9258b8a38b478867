// The step of a trust region in a box for a dense model: see BoxStep.
#pragma once
#include "solvers/box_step.hpp"
#include "solvers/quadratic.hpp"

namespace schuss {

class ProjectedStep {
  public:
    explicit ProjectedStep(std::int64_t n) : box_step_(n), block_(n) {}

    // From at.x, within the radius. Where nothing is at a bound and the step meets none it has the
    // bits of model.within(g, radius, p).
    Quadratic::Step within(const Boxed& at, Quadratic& model, double radius);

    // Along negative curvature of the free variables, of which g is about zero, to the side with
    // more room: false where they have none. free: 1 for each that may move. The predicted decrease
    // is that of the step.
    bool leave(const Boxed& at, Quadratic& model, double radius, const std::vector<char>& free,
               Quadratic::Step& step);

    // After either: s; x + s, which is inside to the last bit, and on a bound exactly where it meets
    // one: `point()[i] == lower[i]` tells.
    const std::vector<double>& step() const;
    const std::vector<double>& point() const;
    double curvature() const { return curvature_; }  // as Quadratic's, of the variables looked at
    double shift() const { return shift_; }

  private:
    BoxStep box_step_;
    Quadratic block_;
    double curvature_ = 0.0, shift_ = 0.0;
};

}  // namespace schuss

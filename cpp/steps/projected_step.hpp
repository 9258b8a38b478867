// The step of a trust region in a box for a dense model: see BoxStep.
#pragma once
#include <cmath>
#include <optional>

#include "steps/box_step.hpp"
#include "steps/quadratic.hpp"

namespace schuss {

class ProjectedStep {
  public:
    explicit ProjectedStep(std::int64_t n);

    // From at.x, within the radius. Where nothing is held at a bound and the step meets none it has
    // the bits of model.within(g, radius, p). The predicted decrease is that of the projected step.
    Quadratic::Step within(const Boxed& at, Quadratic& model, double radius);
    // The same, at a point where the projected gradient is at most gtol, if f curves down there:
    // along the free variables, or along those too that are at a bound and of which the gradient is
    // at most gtol. Else nothing.
    std::optional<Quadratic::Step> leave_saddle(const Boxed& at, Quadratic& model, double radius,
                                                double gtol);
    // Whether no variable at a bound leaves that in doubt: those with a gradient of at most gtol
    // have, together with the free ones, a positive definite H.
    bool certain(const Boxed& at, Quadratic& model, double gtol);

    // The model of the variables that are not held, until the next call.
    Quadratic& face(Quadratic& model, const std::vector<char>& held);

    // s; see BoxStep. x + s: inside to the last bit, and on a bound exactly where it meets one.
    const std::vector<double>& step() const { return box_.step(); }
    const std::vector<double>& point() const { return box_.point(); }
    // As Quadratic's, of the variables looked at last.
    double curvature() const { return curvature_; }
    double shift() const { return shift_; }
    void visit(Archive& archive) { archive(curvature_, shift_); }  // between steps

  private:
    // Of the face, with zeros where variables are held, into p_.
    Quadratic::Step face_step(Quadratic& model, const double* g, double radius);
    bool leave_saddle_along(const Boxed& at, Quadratic& model, double radius, bool at_bounds);

    BoxStep box_;
    Quadratic block_;
    std::vector<double> p_, product_, face_g_, face_p_;
    double curvature_ = INFINITY, shift_ = 0.0;
};

}  // namespace schuss

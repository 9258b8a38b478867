// A step of a trust region in a box: from x an s with |s| <= radius and lower <= x + s <= upper
// that makes q(s) = g.s + s.H s / 2 small. Conn, Gould and Toint, Trust-Region Methods, 2000,
// chapter 12; Lin and Moré 1999.
//
// First the step of the face, on which variables stay at the bound beyond which -g leads. Where it
// meets no bound it is the step. Else the better of its projection and of the projected Cauchy step
// is bettered in rounds: the step of the variables that are at no bound, the others held, projected
// and shortened until q falls.
//
// It asks for steps of faces and for products with H, and is told them.
#pragma once
#include <cstdint>
#include <vector>

#include "steps/archive.hpp"

namespace schuss {

// n numbers each; infinite where there is no bound. Kept by the caller as long as a step is made.
struct Boxed {
    const double *x, *g, *lower, *upper;
};

class BoxStep {
  public:
    // Vectors have `room` elements, of which n are used.
    BoxStep(std::int64_t n, std::int64_t room);

    void start(const Boxed& at, double radius);
    void resume(const Boxed& at) { at_ = at; }  // after it was read
    // Instead of a step: holds what lies at a bound, but where |g| is at most flat; whether that is
    // so anywhere.
    static constexpr double kNone = -1.0;  // no gradient is as small
    bool hold_at_bounds(const Boxed& at, double flat);
    // Instead of a step: p, if it meets no bound.
    bool take_inside(const Boxed& at, const std::vector<double>& p, double predicted);
    // Instead of a step: along p, of that curvature p.H p / p.p, to the side that promises more.
    // False where neither promises anything.
    bool leave_saddle(const Boxed& at, const std::vector<double>& p, double curvature,
                      double radius);

    enum class Wants : int { kNothing, kFaceStep, kProduct };
    Wants wants() const { return wants_; }
    // H times it is wanted.
    const std::vector<double>& direction() const { return direction_; }
    void tell_product(const double* product);
    // The least face_gradient().p + p.H p / 2 over |p| <= face_radius() is wanted, p being zero
    // where variables are held, as the gradient is. interior: a Newton step, H positive definite.
    const std::vector<char>& held() const { return held_; }
    std::int64_t free() const { return free_; }  // variables that are not held
    const std::vector<double>& face_gradient() const { return face_gradient_; }
    double face_radius() const { return face_radius_; }
    void tell_face_step(const std::vector<double>& p, double predicted, bool interior);

    // s, by less than its rounding too long where x + s is at a bound: then a clamp puts it there.
    const std::vector<double>& step() const { return s_; }
    const std::vector<double>& point() const { return z_; }  // x + s: inside, and at bounds exactly
    double predicted() const { return -q_; }
    bool interior() const { return interior_; }  // nothing but bounds limits the step

    void visit(Archive& archive);

  private:
    enum class Phase : int { kFace, kProjected, kCurvature, kCauchy, kHeld, kRoundFace, kRound };

    void ask(Phase phase, Wants wants);
    void ask_for_trial(Phase phase);
    double dot(const std::vector<double>& a, const double* b) const;
    double slope(const std::vector<double>& p) const;  // of q at s, along p
    void place(std::vector<double>& s, std::size_t i, double step) const;
    double trial_value(const double* product) const;
    void adopt(double value, const double* product);
    void try_cauchy();
    void next_round();
    void finish();

    std::size_t n_;
    Boxed at_{};
    double radius_ = 0.0;
    Phase phase_ = Phase::kFace;
    Wants wants_ = Wants::kNothing;
    // H s; a trial s, or what else a product is wanted of; from s to the end of the round.
    std::vector<double> s_, h_s_, z_, direction_, p_, face_gradient_;
    std::vector<char> held_;
    std::int64_t free_ = 0;
    double q_ = 0.0, face_radius_ = 0.0;
    double enough_ = 0.0;    // a slope of the face
    double by_ = 0.0;        // how far along p_ or -face_gradient_
    double to_bound_ = 0.0;  // how far along p_ a bound is met, at most 1
    int rounds_ = 0, shorter_ = 0;
    bool interior_ = false, face_interior_ = false;
};

}  // namespace schuss

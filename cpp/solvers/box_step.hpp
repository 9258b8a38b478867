// A step of a trust region in a box: from x an s with |s| <= radius and lower <= x + s <= upper that
// makes q(s) = g.s + s.H s / 2 small. Conn, Gould and Toint, Trust-Region Methods, 2000, chapter 12;
// Lin and Moré 1999.
//
// First the step of the face, on which variables at a bound stay that -g leads out of the box. Where
// it meets no bound it is the step. Else the better of its projection and the projected Cauchy step
// is bettered in rounds: the step of the variables that are at no bound, the others held, projected
// and shortened until q falls.
//
// It asks for steps of faces and for products with H, and is told them.
#pragma once
#include <cstdint>
#include <vector>

#include "solvers/archive.hpp"

namespace schuss {

// n numbers each; infinite where there is no bound.
struct Boxed {
    const double *x, *g, *lower, *upper;
};

class BoxStep {
  public:
    explicit BoxStep(std::int64_t n);

    // What `at` points to is kept by the caller until it is done.
    void start(const Boxed& at, double radius);
    void resume(const Boxed& at) { at_ = at; }  // after reading an archive

    enum class Wants : int { kNothing, kFaceStep, kProduct };
    Wants wants() const { return wants_; }
    // H times it is wanted.
    const std::vector<double>& direction() const { return direction_; }
    void tell_product(const double* product);
    // The least face_gradient().p + p.H p / 2 over |p| <= face_radius() is wanted, with p zero
    // where variables are held, as the gradient is. interior: a Newton step, H positive definite.
    const std::vector<char>& held() const { return held_; }
    std::int64_t free() const { return free_; }  // variables that are not held
    const std::vector<double>& face_gradient() const { return face_gradient_; }
    double face_radius() const { return face_radius_; }
    void tell_face_step(const std::vector<double>& p, double predicted, bool interior);

    const std::vector<double>& step() const { return s_; }   // s
    const std::vector<double>& point() const { return z_; }  // x + s: inside, and at bounds exactly
    double predicted() const { return -q_; }
    bool interior() const { return interior_; }  // nothing but bounds limits the step

    void visit(Archive& archive);

  private:
    enum class Phase : int { kFace, kProjected, kCurvature, kCauchy, kHeld, kRoundFace, kRound };

    double dot(const std::vector<double>& a, const std::vector<double>& b) const;
    void ask(Phase phase, Wants wants);
    bool aim(double by, const std::vector<double>& along);
    double trial_value(const double* product) const;
    void adopt(double value, const double* product);
    void next_round();
    void finish() { wants_ = Wants::kNothing; }

    std::int64_t n_;
    Boxed at_{};
    double radius_ = 0.0;
    Phase phase_{};
    Wants wants_ = Wants::kNothing;
    // direction_ is the trial step wherever a product is asked for to judge one.
    std::vector<double> s_, z_, h_s_, direction_, trial_, p_, face_gradient_;
    std::vector<char> held_;
    std::int64_t free_ = 0;
    double q_ = 0.0, face_radius_ = 0.0, by_ = 0.0, slope_ = 0.0;
    int rounds_ = 0;
    bool interior_ = false, face_interior_ = false;
};

}  // namespace schuss

// BFGS in inverse form, Nocedal and Wright 2006, equation 6.17, as a symmetric update of rank two:
//
//   H <- H + s w' + w s',   w = -rho v + rho (1 + rho y.v) / 2 s,   v = H y,   rho = 1 / s.y.
//
// v costs no product of its own: with d = -H g, H y = H g_new + d. One product with H an iteration,
// or two where bounds bend d.
//
// H keeps the last two secant equations, not only H y = s (multiple secant equations: Schnabel,
// University of Colorado report CU-CS-247-83, 1983). The pair before, p and q, is made conjugate,
//
//   p <- p - (p.y / s.y) s,   q <- q - (q.s / s.y) y,
//
// so that an update with it and then one with s and y leave H q = p. It is used where H was not too
// large along the last step and f seems quadratic enough over both: p.y and q.s agree. Where the
// scales of two directions are far apart, steps with one equation at a time grow by the square of
// the golden ratio only; over 150 test problems both take 8 % fewer evaluations than one.
//
// Before each of the first 2 n updates H grows by s.B s / s.y where that is more than 1: the
// self-scaling of Al-Baali 1998. BFGS mends an H that is too large faster than one that is too
// small; over 150 test problems it takes 15 % fewer evaluations with it, and hess_inv is no less
// exact. For the same reason the first pair may make H larger, but not smaller: on data in raw
// units its curvature is that of the steepest direction alone.
#pragma once
#include "solvers/descent.hpp"
#include "steps/symmetric.hpp"

namespace schuss {

class DenseInverse final : public Curvature {
  public:
    // first: H at the start, n x n and positive definite; empty for a multiple of I.
    explicit DenseInverse(std::int64_t n, const std::vector<double>& first = {});

    const Place& place() override;
    void learn(const Lesson& lesson) override;
    const Terms& direction(const FreeGradient& gradient) override;
    char* place_of_direction() override { return bytes(d_); }
    void forget(double scale) override;
    bool empty() const override { return empty_; }
    void visit(Archive& archive) override;

    Elements matrix() const override;

  private:
    void multiply(const std::vector<double>& v, std::vector<double>& out);
    bool keep_the_pair_before();

    std::int64_t n_;
    VectorWork work_;
    Symmetric h_;
    std::vector<double> g_, d_, s_, y_, u_, v_;  // u = H g
    std::vector<double> p_, q_;                  // the pair before
    double scale_ = 1.0, s_y_ = 0.0, y_y_ = 0.0, s_b_s_ = 0.0;
    double on_u_ = 0.0, on_d_ = 0.0;  // v = on_u u + on_d d
    bool straight_ = true;            // unless bounds bent d
    double growth_ = 1.0;
    std::int64_t updates_ = 0;
    bool empty_ = true;     // H is scale_ I, and h_ is not in use
    bool learned_ = false;  // a pair waits for its v
    bool given_ = false;    // h_ is what H begins with
    bool before_ = false;   // there is a pair before: H q = p
};

}  // namespace schuss

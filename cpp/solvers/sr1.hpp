// Symmetric rank one in a trust region: Conn, Gould and Toint 1991; Nocedal and Wright 2006,
// algorithm 6.2. B may be indefinite, which the trust region bears and a line search would not:
//
//   B <- B + r r' / r.s,   r = y - B s,   unless |r.s| < 1e-8 |r| |s|.
//
// The step is Steihaug's (1983): conjugate gradients that end at the boundary of the region.
#pragma once
#include <vector>

#include "solvers/solver.hpp"
#include "solvers/symmetric.hpp"

namespace schuss {

class SR1 final : public Solver {
  public:
    SR1(std::int64_t n, DType iterates, const char* x0, const Limits& limits);

    double at(std::int64_t i, std::int64_t j) const { return b_.at(i, j); }  // of B
    void visit(Archive& archive) override;

  protected:
    void start(const VectorWork::Sizes& sizes) override;
    void receive(double value, const char* gradient) override;

  private:
    void propose();
    void to_boundary(const std::vector<double>& along);
    void restart();
    void learn(double s_squares, double gradient_lengths);
    double dot(const std::vector<double>& a, const std::vector<double>& b);

    VectorWork doubles_;
    Symmetric b_;
    std::vector<double> gradient_;         // at x_, in double
    std::vector<double> p_, s_, y_, b_s_;  // the step, and the same as x could take it
    std::vector<double> residual_, search_, b_search_;
    double radius_ = 1.0;
    bool scaled_ = false;  // B has had the scale of a first pair
    bool restarted_ = false;
    int trials_ = 0;        // from x_
    double promise_ = 0.0;  // the decrease still to be had, as the trials from x_ have it
};

}  // namespace schuss

// Newton's method with a dense Hessian in a trust region. The Hessian is asked for at points that
// were taken and nowhere else; before a small gradient counts, so does its curvature.
#pragma once
#include <vector>

#include "solvers/solver.hpp"
#include "solvers/trust_region.hpp"

namespace schuss {

class Newton final : public Solver {
  public:
    Newton(std::int64_t n, DType iterates, const char* x0, const Limits& limits);

    // At point(), when request() is kHessian: n x n, symmetric. Throws std::logic_error otherwise.
    void tell_hessian(const double* h);

    const VectorPtr& point() const override { return waiting_ ? x_ : trial_; }
    Request request() const override;
    void visit(Archive& archive) override;

    std::int64_t hessians() const { return hessians_; }
    double curvature() const { return region_.curvature(); }  // the smallest seen at x_
    bool minimum() const { return minimum_; }                 // to second order
    const std::vector<double>& hessian() const { return hessian_; }

  protected:
    bool gradient_decides() const override { return false; }
    void start(const VectorWork::Sizes& sizes) override;
    void receive(double value, const char* gradient) override;

  private:
    void propose();
    void give_up();

    TrustRegion region_;
    std::vector<double> hessian_, gradient_, p_, s_, y_;
    TrustRegion::Step step_{};
    double radius_ = 1.0;
    bool waiting_ = false;  // for the Hessian at x_
    bool minimum_ = false;
    int trials_ = 0;        // from x_
    double promise_ = 0.0;  // what the Newton step from x_ was to gain
    std::int64_t hessians_ = 0;
};

}  // namespace schuss

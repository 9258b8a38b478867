// Newton's method with a dense Hessian. It is asked for at points that were taken and nowhere else;
// before a small gradient counts, so does its curvature. With bounds what is said of the gradient
// and of the curvature is said of the free variables.
#pragma once
#include <optional>

#include "steps/projected_step.hpp"
#include "steps/quadratic.hpp"
#include "solvers/region.hpp"

namespace schuss {

class RegionNewton final : public RegionSolver {
  public:
    RegionNewton(const Start& from, const Limits& limits);

    SecondOrder second_order() const override;
    Elements matrix() const override { return model_.matrix(); }
    void visit(Archive& archive) override;

  protected:
    bool gradient_decides() const override { return false; }
    void receive_hessian(const Hessian& h) override;
    double predict() override { return step_.predicted; }
    void propose() override;
    void arrive() override { wait_for(Request::kHessian); }
    void give_up() override;

  private:
    void end_flat();
    bool certain();  // that bounds leave no doubt of a minimum

    Quadratic model_;
    std::optional<ProjectedStep> projected_;  // with bounds
    Quadratic::Step step_{};
    bool minimum_ = false;
    double newton_promise_ = 0.0;  // what the Newton step from x_ was to gain
};

// x + rate p, H p = -g: the textbook's, which goes wherever the gradient is zero.
class PlainNewton final : public Solver {
  public:
    PlainNewton(const Start& from, const Limits& limits, double rate);

    SecondOrder second_order() const override;
    Elements matrix() const override { return model_.matrix(); }
    void visit(Archive& archive) override;

  protected:
    bool gradient_decides() const override { return false; }
    void start(const VectorWork::Sizes&) override { wait_for(Request::kHessian); }
    void receive_hessian(const Hessian& h) override;
    void receive(double value, const char* gradient) override;

  private:
    double rate_;
    Quadratic model_;
    std::vector<double> gradient_, p_;  // at x_, in double; the step from there
    double slope_ = 0.0;                // g.p
    bool minimum_ = false;
};

}  // namespace schuss

// Newton's method in a trust region from products with the Hessian alone, for many variables. The
// step is Steihaug's, with bounds projected; before a small gradient counts, conjugate gradients
// look for negative curvature, of the free variables first and then of those too that are at a
// bound and have next to no gradient.
#pragma once
#include <vector>

#include "steps/projected_cg.hpp"
#include "solvers/region.hpp"

namespace schuss {

class NewtonCG final : public RegionSolver {
  public:
    NewtonCG(const Start& from, const Limits& limits);

    const double* direction() const override { return step_.direction().data(); }
    SecondOrder second_order() const override;
    void visit(Archive& archive) override;

  protected:
    bool gradient_decides() const override { return false; }
    void receive_product(const double* product) override;
    double predict() override { return predicted_; }
    void propose() override;
    void arrive() override;
    void give_up() override;

  private:
    void look_for_curvature();
    void look_further();
    void follow_curvature();

    void end_flat(bool minimum);

    ProjectedCG step_;
    std::vector<double> p_;
    double predicted_ = 0.0;
    double newton_promise_ = 0.0;  // what the first step from x_ was to gain
    double least_ = 0.0;           // the smallest curvature seen at x_
    bool looking_ = false;         // for negative curvature from x_, where the gradient is small
    bool doubtful_ = false;        // and those at a bound are looked at too
    bool minimum_ = false;
    std::int64_t products_ = 0;
};

}  // namespace schuss

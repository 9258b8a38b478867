// Symmetric rank one in a trust region: Conn, Gould and Toint 1991; Nocedal and Wright 2006,
// algorithm 6.2. B may be indefinite, which the trust region bears and a line search would not:
//
//   B <- B + r r' / r.s,   r = y - B s,   unless |r.s| < 1e-8 |r| |s|.
//
// The step is Steihaug's, with bounds projected.
#pragma once
#include <vector>

#include "steps/projected_cg.hpp"
#include "solvers/region.hpp"
#include "steps/symmetric.hpp"

namespace schuss {

class SR1 final : public RegionSolver {
  public:
    SR1(const Start& from, const Limits& limits);

    Elements matrix() const override {
        return [this](std::int64_t i, std::int64_t j) { return b_.at(i, j); };
    }
    void visit(Archive& archive) override;

  protected:
    double predict() override;
    void learn(double ratio, double gradient_length) override;
    void propose() override;
    void arrive() override;
    void give_up() override;

  private:
    void begin();

    Symmetric b_;
    ProjectedCG step_;
    std::vector<double> b_s_, b_direction_;
    bool scaled_ = false;  // B has had the scale of a first pair
    bool restarted_ = false;
};

}  // namespace schuss

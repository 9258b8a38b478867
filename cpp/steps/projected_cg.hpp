// The step of a trust region from products with B alone: Steihaug's, and with bounds that of
// BoxStep whose faces are Steihaug's.
#pragma once
#include <optional>
#include <vector>

#include "steps/box_step.hpp"
#include "steps/steihaug.hpp"

namespace schuss {

class ProjectedCG {
  public:
    // Vectors have `room` elements, of which n are used.
    ProjectedCG(std::int64_t n, std::int64_t room, bool bounded);

    // at: where there are bounds.
    void start(const std::vector<double>& g, double radius, const Boxed& at);
    // Instead of a step: conjugate gradients from -g, to look for negative curvature. With bounds
    // of the variables that BoxStep does not hold.
    void look(const std::vector<double>& g, std::int64_t most_products);
    void resume(const Boxed& at);  // after it was read
    BoxStep& box() { return *box_; }

    bool done() const { return cg_.done() && (!box_ || box_->wants() == BoxStep::Wants::kNothing); }
    const std::vector<double>& direction() const;
    void tell(const double* product);

    const std::vector<double>& step() const { return box_ ? box_->step() : cg_.step(); }
    double predicted() const { return box_ ? box_->predicted() : cg_.predicted(); }
    // Whether no negative curvature was met on the way.
    bool convex() const { return box_ ? box_->interior() : cg_.least() > 0.0; }
    const Steihaug& last() const { return cg_; }

    void visit(Archive& archive);

  private:
    bool box_wants_product() const { return box_ && box_->wants() == BoxStep::Wants::kProduct; }
    void start_face();

    std::int64_t n_;
    Steihaug cg_;
    std::optional<BoxStep> box_;
    std::vector<double> free_;  // a product, zero where variables are held
};

}  // namespace schuss

// Sums of squares: a trust region over the linear model of the residuals, in variables scaled by
// the Jacobian's columns. Moré, The Levenberg-Marquardt algorithm: implementation and theory, 1978.
// A run ends by the relative offset of Bates and Watts, Technometrics 23, 1981.
#pragma once
#include <cmath>
#include <vector>

#include "steps/projected_step.hpp"
#include "steps/quadratic.hpp"
#include "solvers/residuals.hpp"
#include "solvers/solver.hpp"

namespace schuss {

class LeastSquares final : public Solver {
  public:
    // limits.gtol: the relative offset that counts as zero. loss_scale: of a robust loss.
    LeastSquares(const Start& from, const Limits& limits, double loss_scale);

    std::optional<Fitted> fitted() const override;
    std::int64_t residual_count() const override {
        const Point& known = here_.residuals.empty() ? there_ : here_;
        return static_cast<std::int64_t>(known.residuals.size());
    }
    SecondOrder second_order() const override { return {.hessians = jacobians_}; }
    void visit(Archive& archive) override;

  protected:
    void start(const VectorWork::Sizes&) override {}
    void receive(double, const char*) override {}
    void receive_residuals(const Residuals& told) override;
    void receive_jacobian(const double* jacobian) override;

  private:
    // With a robust loss rows of the Jacobian are multiplied by weights, and the residuals that
    // belong to them are scaled; both are empty for plain squares.
    struct Point {
        std::vector<double> residuals, scaled, weights;
        double cost = 0.0;
        std::int64_t observations = 0;

        const std::vector<double>& values() const { return weights.empty() ? residuals : scaled; }
        void visit(Archive& archive) { archive(residuals, scaled, weights, cost, observations); }
    };

    Point point_of(const Residuals& told) const;
    void judge();                       // the trial
    void back_out();                    // from one that is not finite
    bool take(const double* jacobian);  // x_ becomes the trial, unless J is not finite there
    void scale(const std::vector<double>& x, const std::vector<double>& slopes,
               std::vector<double>& triangle);
    void look_ahead();              // from x_: how much there is to gain, and over what
    bool ends(double gain_before);  // what is known at x_ ends the run
    void end_hidden();              // by rounding
    void propose();                 // a trial from x_
    double inside(std::size_t j, double x) const;  // where a step to x ends, of variable j
    double hidden() const;                         // by rounding, of the cost at x_

    double loss_scale_;
    std::int64_t jacobians_ = 0;    // so far
    Point here_, there_;            // at x_ and at the trial
    std::vector<double> jacobian_;  // at x_; empty before the first
    std::vector<double> spare_;     // memory for the next: new pages cost as much as the products
    std::vector<double> columns_;   // the largest |J_j| so far
    std::vector<double> scale_;     // D: the same, or 1
    std::vector<double> gradient_;  // D^-1 J'r
    Quadratic model_;               // of the cost, in variables D x
    std::int64_t free_;             // variables that no bound holds at x_
    bool definite_ = false;         // they have a Gauss-Newton step
    double gain_ = 0.0;             // by how much r'r falls along it
    // Of the trial: its step in variables D x, and by how much the cost falls.
    double length_ = 0.0, predicted_ = 0.0, radius_ = 0.0;
    // At x_, twice the cost, which is r'r but for a loss, and at the first point; the size of the
    // terms of J x; the largest cosine between a column of J and r.
    double squares_ = 0.0, first_squares_ = 0.0, size_ = 0.0, cosine_ = 0.0;
    double offset_ = NAN;
    // With bounds: D x and its bounds, and steps from there.
    std::vector<double> at_, lower_, upper_;
    std::vector<char> held_;
    ProjectedStep projected_;
};

}  // namespace schuss

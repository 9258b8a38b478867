// What trust-region methods share: how good a trial was, what becomes of the radius, when nothing
// helps. Conn, Gould and Toint, Trust-Region Methods, 2000; Nocedal and Wright 2006, chapter 4.
#pragma once
#include <vector>

#include "steps/box_step.hpp"
#include "solvers/solver.hpp"

namespace schuss {

class RegionSolver : public Solver {
  public:
    void visit(Archive& archive) override;

  protected:
    // Below that ratio of actual to predicted decrease the radius becomes so much of the step.
    struct Shrinking {
        double below, to;
    };
    RegionSolver(const Start& from, const Limits& limits, const Shrinking& shrinking);

    void start(const VectorWork::Sizes& sizes) final;
    void receive(double value, const char* gradient) final;
    // x_ and the gradient in their bounds, where there are any.
    Boxed boxed();
    // The trial x_ + p, moved inside.
    void try_step(const std::vector<double>& p);

    // How much the model falls from x_ to the trial, by s_.
    virtual double predict() = 0;
    // From s_ and y_: of a trial, the ratio of actual to predicted decrease and |g|.
    virtual void learn(double, double) {}
    // A trial from x_ with the radius as it is now: after one that was not taken.
    virtual void propose() = 0;
    // The first trial from a new x_, or what has to be asked for before.
    virtual void arrive() = 0;
    // No step from x_ helps.
    virtual void give_up() = 0;

    std::vector<double> gradient_;  // at x_, in double
    std::vector<double> s_;         // of the last trial: the step as x could take it
    std::vector<double> y_;         // its g - g_; empty where nobody learns from it
    double radius_ = 1.0;
    int grown_ = 0;         // how often in a row the region grew and the model was exact
    int trials_ = 0;        // from x_
    double promise_ = 0.0;  // the decrease still to be had, as the trials from x_ have it

  private:
    Shrinking shrinking_;
    std::vector<double> place_, lower_, upper_;  // with bounds: x_ and they, in double
};

}  // namespace schuss

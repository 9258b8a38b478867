// What trust-region methods share: how good a trial was, what becomes of the radius, when nothing
// helps. Conn, Gould and Toint, Trust-Region Methods, 2000; Nocedal and Wright 2006, chapter 4.
#pragma once
#include <vector>

#include "solvers/solver.hpp"

namespace schuss {

class RegionSolver : public Solver {
  public:
    void visit(Archive& archive) override;

  protected:
    // Below the ratio `poor` of actual to predicted decrease the region shrinks, to so much of the
    // step.
    struct Habits {
        double poor, shrink;
    };
    RegionSolver(std::int64_t n, DType iterates, const char* x0, const Limits& limits,
                 const Habits& habits);

    void start(const VectorWork::Sizes& sizes) final;
    void receive(double value, const char* gradient) final;
    // The trial x_ + p.
    void try_step(const std::vector<double>& p);
    double dot(const std::vector<double>& a, const std::vector<double>& b) {
        return work_.dot(a.data(), b.data());
    }

    // How much the model falls along s_; learn from y_, unless the trial was far off, with a
    // gradient there of such a length; a step from x_ in the smaller region; one from a new x_; and
    // what to do when no step helps.
    virtual double predict() = 0;
    virtual void learn(double, double) {}
    virtual void propose() = 0;
    virtual void arrive() = 0;
    virtual void give_up() = 0;

    std::vector<double> gradient_;  // at x_, in double
    std::vector<double> s_;         // of the last trial: the step as x could take it
    std::vector<double> y_;         // its g - g_; empty where nobody learns from it
    double radius_ = 1.0;
    int grown_ = 0;         // how often in a row the region grew and the model was exact
    int trials_ = 0;        // from x_
    double promise_ = 0.0;  // the decrease still to be had, as the trials from x_ have it

  private:
    Habits habits_;
};

}  // namespace schuss

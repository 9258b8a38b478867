// Where to stop along a descent direction: phi(a) = f(x + a d). Moré and Thuente 1994, for the
// strong Wolfe conditions. Scalars only.
//
//   sufficient decrease   phi(a) <= phi(0) + c1 a phi'(0)
//   curvature             |phi'(a)| <= c2 |phi'(0)|
//
// Where phi(a) and phi(0) differ by no more than their rounding errors, phi(a) is taken to be
// phi(0) + a (phi'(0) + phi'(a)) / 2. Sufficient decrease then is phi'(a) <= (2 c1 - 1) phi'(0):
// the approximate Wolfe condition of Hager and Zhang 2005. Slopes go on where values end.
#pragma once
#include <cmath>
#include <cstdint>

#include "steps/archive.hpp"

namespace schuss {

constexpr double kTelling = 100.0;  // rounding errors that a change of f must stand out from

class LineSearch {
  public:
    struct Settings {
        double c1 = 1e-4;
        double c2 = 0.9;
        int max_evaluations = 20;
        double max_step = INFINITY;
        int patience = 8;         // extrapolations without a bracket before it goes on in leaps
        bool to_the_end = false;  // a max_step along which phi still falls is accepted

        void visit(Archive& archive) {
            archive(c1, c2, max_evaluations, max_step, patience, to_the_end);
        }
    };
    enum class Verdict {
        kContinue,
        kAccept,      // the last step meets the conditions
        kImperfect,   // best() has sufficient decrease, but the curvature condition was not reached
        kUnbounded,   // phi still falls at the longest step
        kNoDecrease,  // no step with sufficient decrease was found
    };

    LineSearch() = default;
    // Values that differ by no more than noise are equal, up to the highest that may be taken.
    LineSearch(const Settings& settings, double value, double slope, double first_step,
               double highest, double noise);

    double step() const { return trial_; }     // to be evaluated
    Verdict tell(double value, double slope);  // either may be NaN or infinite

    struct Point {
        double step = 0.0, value = 0.0, slope = 0.0;

        void visit(Archive& archive) { archive(step, value, slope); }
    };
    const Point& start() const { return start_; }
    const Point& best() const { return best_; }  // the lowest value so far; the start at first
    // The shortest trial whose value differs from the start's by much more than noise; its step is
    // 0 where there was none.
    const Point& telling() const { return telling_; }
    // How much phi may still fall: the decrease to where its slope would be zero if that went on to
    // rise as it does from the start to a trial, for the trial of which that is most. Infinite
    // where the slope rises to none.
    double promise() const;
    int evaluations() const { return evaluations_; }
    int not_finite() const { return not_finite_; }

    void visit(Archive& archive) {
        archive(settings_, start_, best_, telling_, promise_, x_, y_, highest_, noise_, trial_,
                low_, high_, width_, width_before_, stretch_, wall_, bracketed_, first_stage_,
                falling_, extrapolated_, evaluations_, not_finite_);
    }

  private:
    Verdict give_up() const;
    void back_out();
    Verdict narrow(const Point& trial);
    double next_step(const Point& x, const Point& y, const Point& t) const;

    Settings settings_;
    Point start_, best_, telling_;
    double promise_ = 0.0;
    Point x_, y_;  // the interval of uncertainty: x has the lowest value of its kind
    double highest_ = 0.0, noise_ = 0.0;
    double trial_ = 0.0, low_ = 0.0, high_ = 0.0;  // the next step and its bounds
    double width_ = 0.0, width_before_ = 0.0;
    double stretch_ = 0.0;  // how far the next step may be extrapolated
    double wall_ = 0.0;     // steps from here on are not finite
    bool bracketed_ = false, first_stage_ = true;
    bool falling_ = false;  // by more than rounding, at the last trial
    int extrapolated_ = 0, evaluations_ = 0, not_finite_ = 0;
};

}  // namespace schuss

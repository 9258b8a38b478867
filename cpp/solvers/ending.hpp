// When a run ends, and why: the tests of convergence, the limits, and what is made of a run on
// which f and its gradient disagree or nothing helps any more.
#pragma once
#include <cstdint>
#include <string>

#include "steps/archive.hpp"
#include "solvers/run.hpp"

namespace schuss {

struct Limits {
    double gtol;           // the largest |g| that counts as zero
    double ftol;           // the decrease relative to max(|f|, 1) that counts as none
    std::int64_t maxiter;  // steps taken
    std::int64_t maxfun;   // evaluations
};

enum class Status : int {
    kRunning = -1,
    kConverged = 0,
    kLimit = 1,
    kNoDecrease = 2,
    kNotFinite = 3,
    kUnbounded = 4,
    kWrongGradient = 5,
    kNoMinimum = 6,  // the gradient is zero there, the curvature negative
    kStopped = 99,   // by the caller
};

// What a step says about f and its gradient. from, to: the slopes at both its ends, times its
// length. A blind step is one along the gradient of which no curvature was known: it may be long
// for what f does.
struct Step {
    double change, from, to, length;
    bool blind = false;
};

// By how much f changed otherwise than its gradient says, as a part of the larger of the two: 0 for
// quadratics, a tenth or so far from one; one half where a gradient is twice what it should be.
double disagreement(const Step& step);
constexpr double kDisagree = 0.4;

class Ending {
  public:
    // gradient: what the one that decides is called.
    Ending(const Run& run, const Limits& limits, const char* gradient)
        : run_(run), limits_(limits), gradient_(gradient) {}

    const Limits& limits() const { return limits_; }
    Status status() const { return status_; }
    const std::string& message() const { return message_; }
    bool done() const { return status_ != Status::kRunning; }
    void finish(Status status, const char* format, ...) __attribute__((format(printf, 3, 4)));

    // The first point: what later ones are held against.
    void start();
    // After an evaluation: the limits of steps and of evaluations.
    void count();
    // Whether a point that is about to be taken ends the run. promise: the decrease that was to be
    // expected, without which a small one means nothing. gradient_decides: whether a small gradient
    // ends it, or what the curvature says of it too.
    bool ends_at(double value, double largest, double promise, bool gradient_decides);
    // By a test of the method's own, in words with what was found and what was wanted.
    void converge(const char* format, double found, double wanted);
    // A gradient that is small enough: it has converged.
    void flat(double largest);
    // Ends a run whose last points are many orders of magnitude away and below: whether it did.
    bool runs_away();

    // Of a step that is taken: a run whose last steps disagree does not end well.
    void watch_taken(const Step& step);
    // Of one that is not: a run that ends here may blame the gradient.
    void watch_untaken(const Step& step);
    // After a step that cost so many evaluations: whether, for long, neither the value nor the
    // gradient has become smaller. Near a minimum, where rounding decides, that may go on for ever.
    // lower: what such an evaluation counts where the value is lower than all before all the same.
    bool idle(int evaluations, double lower = 1.0);
    bool progressed() const { return progressed_; }  // whether that step made one smaller
    void wait_again() { idle_ = 0.0; }
    // Nothing helps any more, for a direction that promised so much, at a point where |x| |g| is
    // that: why?
    void conclude(double promise, double x_times_g);

    void visit(Archive& archive);

  private:
    bool tells(const Step& step) const;  // rounding does not hide what it says
    void doubt();                        // whether convergence is to be believed

    const Run& run_;
    Limits limits_;
    const char* gradient_;
    Status status_ = Status::kRunning;
    std::string message_;
    // How f and its gradient agreed when that could last be told; 0 where it never could.
    double disagreement_ = 0.0;
    double agreed_ = 0.0;  // the largest change of f over which they did
    // One for each step on which f and its gradient disagree; a quarter is left after one on which
    // they agree.
    double suspicion_ = 0.0;
    double record_value_ = 0.0, record_gradient_ = 0.0;
    double seen_ = 0.0;  // the lowest value taken, if only by a little
    double idle_ = 0.0;  // evaluations since either record was broken, by their weights
    bool progressed_ = true;
};

}  // namespace schuss

// What all solvers share: the point to evaluate, the tests that end a run, the best point seen, and
// why it ended. A solver asks, is told, and never calls anybody.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dense/table.hpp"
#include "solvers/archive.hpp"
#include "solvers/vectors.hpp"

namespace schuss {

struct Limits {
    double gtol;           // the largest |g| that counts as zero
    double ftol;           // the decrease relative to max(|f|, 1) that counts as none
    std::int64_t maxiter;  // steps taken
    std::int64_t maxfun;   // evaluations
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

// Rounding errors of a gradient that a difference of two must be longer than to say anything.
constexpr double kGradientNoise = 10.0;

enum class Request : int { kNone, kValueAndGradient, kHessian, kHessianProduct };

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

class Solver {
  public:
    virtual ~Solver() = default;
    Solver(const Solver&) = delete;
    Solver& operator=(const Solver&) = delete;

    std::int64_t size() const { return n_; }
    DType dtype() const { return x_->dtype(); }
    const Limits& limits() const { return limits_; }
    Request request() const { return done() ? Request::kNone : waiting_for_; }
    // To be evaluated; kept as long as it is held. Hessians are those at points that were taken.
    const VectorPtr& point() const {
        return waiting_for_ == Request::kValueAndGradient ? trial_ : x_;
    }
    bool done() const { return status_ != Status::kRunning; }
    bool gradient_small() const { return largest_ <= limits_.gtol; }  // at x

    // What was requested, at point(); std::logic_error for anything else. A gradient has n elements
    // of dtype(); a Hessian n x n, and what is wrong with it comes back, "" where nothing is; of
    // products with a Hessian, direction() is the other factor.
    void tell(double value, const char* gradient);
    // ready: what is known of the Hessian already.
    std::string tell_hessian(const double* h, const LaneModel* ready = nullptr);
    void tell_product(const double* product);
    virtual const double* direction() const { return nullptr; }
    void stop(const std::string& message);    // by the caller
    void refuse(const std::string& message);  // what was told cannot be used

    // The best point seen: the lowest value, where values that differ by rounding count as equal
    // and the later one is taken.
    struct Best {
        VectorPtr x;
        VectorPtr gradient;
        double value;
    };
    Best best() const;
    // What second-order methods know at the last point taken.
    struct SecondOrder {
        std::int64_t hessians = 0;  // or products, so far
        double curvature = 0.0;     // the smallest seen
        bool minimum = false;       // to second order
        double shift = 0.0;         // of the Hessian, in the last step
    };
    virtual SecondOrder second_order() const { return {}; }
    // Element (i, j) of the Hessian or its inverse, as far as the method knows one; or empty.
    using Matrix = std::function<double(std::int64_t, std::int64_t)>;
    virtual Matrix matrix() const { return {}; }
    // The pairs of steps and differences of gradients that it keeps, the oldest first.
    struct Pairs {
        DType dtype;
        std::vector<const char*> s, y;
    };
    virtual std::optional<Pairs> pairs() const { return {}; }
    std::int64_t iterations() const { return iterations_; }
    std::int64_t evaluations() const { return evaluations_; }
    Status status() const { return status_; }
    const std::string& message() const { return message_; }

    virtual void visit(Archive& archive);

  protected:
    Solver(std::int64_t n, DType iterates, DType directions, const char* x0, const Limits& limits);

    // Whether a small gradient ends a run, or what the curvature says of it too.
    virtual bool gradient_decides() const { return true; }
    void flat(double largest);  // ends it

    // What comes after the first point, at which f and g are finite; and after each trial.
    virtual void start(const VectorWork::Sizes& sizes) = 0;
    virtual void receive(double value, const char* gradient) = 0;
    virtual std::string receive_hessian(const double*, const LaneModel*) { return ""; }
    virtual void receive_product(const double*) {}
    void wait_for(Request request) { waiting_for_ = request; }

    // For a trial that a solver wants to take: whether a test or a limit ends the run there.
    // promise: the decrease that was to be expected, without which a small one means nothing.
    bool ends(double value, double largest, double promise);
    // The taking of it, at such a distance from x_. g_ is the solver's to renew.
    void move(double value, double largest, double length);
    // Ends a run whose last points are many orders of magnitude away and below: whether it did.
    bool runs_away();
    // Whether a step of such a length overflows, so that f there says nothing.
    bool beyond(double length) const;
    // Before the taking of one with such a value, while g_ is that at x_: x_ stays in mind if it is
    // better.
    void keep_this_if_better(double value);
    void forget_best() { best_x_.reset(); }  // x_ is the answer
    // For a trial that it does not take.
    void keep_if_best(double value, const char* gradient);

    // Of a step that is taken: a run whose last steps disagree does not end well.
    void watch(const Step& step);
    // Of one that is not: a run that ends here may blame the gradient.
    void look(const Step& step);
    // After a step that cost so many evaluations: whether, for long, neither the value nor the
    // gradient has become smaller. Near a minimum, where rounding decides, that may go on for ever.
    bool idle(int evaluations);
    bool progressed() const { return progressed_; }  // whether that step made one smaller
    void wait_again() { idle_ = 0; }
    // Nothing helps any more, for a direction that promised so much: why?
    void conclude(double promise);

    void doubt();  // a run whose last steps disagree does not end well
    void finish(Status status, const char* format, ...) __attribute__((format(printf, 3, 4)));
    void fresh_trial();       // trial_ is written next: another vector if somebody holds this one
    DType precision() const;  // the coarsest of x, f and g
    double epsilon() const;   // of that
    double noise() const;     // values of f that differ by less are equal

    // How far to go from x_ where nothing but f and a gradient of such a length is known: no
    // scaling of x or f changes the point that it leads to.
    double fair_length(double gradient);
    double first_length() const { return first_length_; }  // at the first point

    std::int64_t n_;
    Limits limits_;
    VectorWork work_;
    VectorPtr x_, trial_;
    VectorPtr g_;
    double value_ = 0.0, largest_ = 0.0;  // f and the largest |g| at x_
    double lowest_ = 0.0;                 // of all values so far
    std::int64_t iterations_ = 0, evaluations_ = 0;

    // How high a point may lie that is taken: no higher than the first.
    double ceiling() const { return first_value_; }

  private:
    // Whether numbers are of float32: none has more bits, and one has more than round numbers do.
    struct Grain {
        bool single = false, twice = false;
        void see(double value);
        bool coarse() const { return single && !twice; }
    };

    void check_request(Request told) const;
    bool tells(const Step& step) const;  // rounding does not hide what it says
    void see(double value, const char* gradient);

    VectorPtr spare_, best_x_;  // best_x_ where the best point is not x_
    VectorPtr best_g_;
    double best_value_ = 0.0;
    // How f and its gradient agreed when that could last be told; 0 where it never could.
    double disagreement_ = 0.0;
    double agreed_ = 0.0;      // the largest change of f over which they did
    Grain values_, slopes_;    // of f and of g
    double first_size_ = 0.0;  // of x
    double first_value_ = 0.0, first_length_ = 0.0, first_slope_ = 0.0;
    double travelled_ = 0.0;  // the length of all steps taken
    // One for each step on which f and its gradient disagree; a quarter is left after one on which
    // they agree.
    double suspicion_ = 0.0;
    double record_value_ = 0.0, record_gradient_ = 0.0;
    int idle_ = 0;  // evaluations since either record was broken
    bool progressed_ = true;
    Request waiting_for_ = Request::kValueAndGradient;
    Status status_ = Status::kRunning;
    std::string message_;
};

}  // namespace schuss

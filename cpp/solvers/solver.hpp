// What all solvers share: which point is to be evaluated, what is asked for there, and who takes
// what is told. A solver asks, is told, and never calls anybody.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "steps/archive.hpp"
#include "solvers/best_point.hpp"
#include "steps/bounds.hpp"
#include "solvers/ending.hpp"
#include "steps/hessian.hpp"
#include "solvers/residuals.hpp"
#include "solvers/run.hpp"
#include "steps/vectors.hpp"

namespace schuss {

// Rounding errors of a gradient that a difference of two must be longer than to say anything.
constexpr double kGradientNoise = 10.0;

enum class Request : int {
    kNone,
    kValueAndGradient,
    kHessian,
    kHessianProduct,
    kResiduals,
    kJacobian
};

class Solver {
  public:
    virtual ~Solver() = default;
    Solver(const Solver&) = delete;
    Solver& operator=(const Solver&) = delete;

    std::int64_t size() const { return n_; }
    DType dtype() const { return x_->dtype(); }
    const Limits& limits() const { return ending_.limits(); }
    Request request() const { return done() ? Request::kNone : waiting_for_; }
    // To be evaluated; kept as long as it is held. Hessians are those at points that were taken.
    const VectorPtr& point() const {
        const bool at_x =
            waiting_for_ == Request::kHessian || waiting_for_ == Request::kHessianProduct;
        return at_x ? x_ : trial_;
    }
    bool done() const { return ending_.done(); }
    bool gradient_small() const { return run_.largest <= limits().gtol; }  // at x, projected

    // What was requested, at point(); std::logic_error for anything else. A gradient has n elements
    // of dtype(); a Hessian n x n, and what is wrong with one is a std::invalid_argument; of
    // products with a Hessian, direction() is the other factor; residuals are as many each time,
    // and their Jacobian has a row for each.
    void tell(double value, const char* gradient);
    void tell_hessian(const Hessian& h);
    void tell_product(const double* product);
    void tell_residuals(const Residuals& told);
    void tell_jacobian(const double* jacobian);
    virtual const double* direction() const { return nullptr; }
    // By the caller; kNotFinite where what was told cannot be used.
    void stop(const std::string& message, Status status = Status::kStopped);

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
        std::int64_t hessians = 0;  // or products, or Jacobians of residuals, so far
        double curvature = 0.0;     // the smallest seen
        bool minimum = false;       // to second order
        double shift = 0.0;         // of the Hessian, in the last step
    };
    virtual SecondOrder second_order() const { return {}; }
    // The Hessian or its inverse, as far as the method knows one.
    virtual Elements matrix() const { return {}; }
    // The pairs of steps and differences of gradients that it keeps, the oldest first.
    struct Pairs {
        DType dtype;
        std::vector<const char*> s, y;
    };
    virtual std::optional<Pairs> pairs() const { return {}; }
    // Of a sum of squares, what is known at x.
    virtual std::optional<Fitted> fitted() const { return {}; }
    virtual std::int64_t residual_count() const { return 0; }  // 0 before they are told
    // Before anything is told, what an earlier run learned of the Hessian: that of another solver
    // of the same method, size and options, which ends with it; or pairs in our dtype.
    // std::logic_error for a method that has no use for it.
    virtual void inherit(Solver& other);
    virtual void recall(const Pairs& pairs);
    std::int64_t iterations() const { return run_.iterations; }
    std::int64_t evaluations() const { return run_.evaluations; }
    Status status() const { return ending_.status(); }
    const std::string& message() const { return ending_.message(); }

    virtual void visit(Archive& archive);

  protected:
    Solver(const Start& from, const Limits& limits, DType directions = kFloat64);

    // Whether a small gradient ends a run, or what the curvature says of it too.
    virtual bool gradient_decides() const { return true; }

    // What comes after the first point, at which f and g are finite; and after each trial.
    virtual void start(const VectorWork::Sizes& sizes) = 0;
    virtual void receive(double value, const char* gradient) = 0;
    virtual void receive_hessian(const Hessian&) {}
    virtual void receive_product(const double*) {}
    virtual void receive_residuals(const Residuals&) {}
    virtual void receive_jacobian(const double*) {}
    void wait_for(Request request) { waiting_for_ = request; }

    // The taking of a trial, at such a distance from x_. g_ is the solver's to renew.
    void move(double value, double largest, double length);
    // Before the taking of one with such a value, while g_ is that at x_: x_ stays in mind if it is
    // better.
    void keep_this_if_better(double value);
    // For a trial that it does not take.
    void keep_if_best(double value, const char* gradient);
    // Nothing helps any more, for a direction that promised so much.
    void conclude(double promise);

    void fresh_trial();  // trial_ is written next: another vector if somebody holds this one
    // How far to go from x_ where nothing but f and a gradient of such a length is known: no
    // scaling of x or f changes the point that it leads to.
    double fair_length(double gradient);

    // Of a gradient at x_: in a box those of the projected one.
    VectorWork::Sizes sizes_at_x(const char* gradient) {
        return work_.norms(gradient, box(), x_->data());
    }
    const Box* box() const { return bounds_ ? &box_ : nullptr; }

    std::int64_t n_;
    std::shared_ptr<const Bounds> bounds_;  // null: none
    Box box_{};                             // they, as kernels take them
    VectorWork work_;
    VectorPtr x_, trial_;
    VectorPtr g_;  // at x_
    Run run_;
    Ending ending_;
    BestPoint best_;  // where that is not x_

    void check_unbegun() const;

  private:
    void check_request(Request told) const;
    void tell_first(double value, const char* gradient);

    VectorPtr spare_;
    Request waiting_for_ = Request::kValueAndGradient;
};

}  // namespace schuss

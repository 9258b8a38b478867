#include "solvers/solver.hpp"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <limits>

#include "runtime/float_environment.hpp"
#include "solvers/line_search.hpp"

namespace schuss {
namespace {

// Rounding errors of f that make two values equal: a sum of many terms carries more than one.
constexpr double kNoise[kDTypes] = {16.0, 4096.0};

// Steps that disagree before a run does not end well; where f and its gradient have next to nothing
// in common, a step counts half as much again.
constexpr double kSuspicious = 2.5, kUnrelated = 0.9;

// The gradient has become smaller when it is below this part of the smallest so far.
constexpr double kProgress = 0.9;
constexpr int kMostIdle = 40;  // evaluations

// Where f would change by more than so many times its size if x did by its own, and the gradient
// stayed, one direction without promise does not make a minimum. Float32 cannot tell: points as
// flat as rounding x lets them be have ratios from 1e-5 to 1e7.
constexpr double kFlat[kDTypes] = {std::numeric_limits<double>::infinity(), 10.0};

}  // namespace

Solver::Solver(std::int64_t n, DType iterates, DType directions, const char* x0,
               const Limits& limits)
    : n_(n),
      limits_(limits),
      work_(n, iterates, directions),
      x_(std::make_shared<Vector>(n, iterates, 1)),
      trial_(std::make_shared<Vector>(n, iterates, 2)),
      g_(std::make_shared<Vector>(n, iterates, 3)) {
    std::memcpy(x_->data(), x0, static_cast<std::size_t>(x_->bytes()));
    std::memcpy(trial_->data(), x0, static_cast<std::size_t>(x_->bytes()));
}

double Solver::epsilon() const {
    return dtype() == kFloat32 ? std::numeric_limits<float>::epsilon()
                               : std::numeric_limits<double>::epsilon();
}

double Solver::noise() const { return kNoise[dtype()] * epsilon() * std::abs(lowest_); }

void Solver::check_request(Request told) const {
    if (done()) throw std::logic_error("the solver is done: " + message_);
    if (told != waiting_for_) throw std::logic_error("something else was requested");
}

std::string Solver::tell_hessian(const double* h, const LaneModel* ready) {
    check_request(Request::kHessian);
    const FloatEnvironment pinned;
    return receive_hessian(h, ready);
}

void Solver::tell_product(const double* product) {
    check_request(Request::kHessianProduct);
    const FloatEnvironment pinned;
    receive_product(product);
}

void Solver::tell(double value, const char* gradient) {
    check_request(Request::kValueAndGradient);
    const FloatEnvironment pinned;
    ++evaluations_;
    if (evaluations_ > 1 && value == -INFINITY) {
        finish(Status::kUnbounded, "f is -inf: it is unbounded below");
    } else if (evaluations_ > 1) {
        receive(value, gradient);
    } else {
        const VectorWork::Sizes sizes = work_.norms(gradient);
        std::memcpy(g_->data(), gradient, static_cast<std::size_t>(g_->bytes()));
        value_ = lowest_ = record_value_ = value;
        largest_ = record_gradient_ = sizes.largest;
        if (!std::isfinite(value))
            finish(Status::kNotFinite, "f is %g at the first point", value);
        else if (!std::isfinite(sizes.squares))
            finish(Status::kNotFinite, "the gradient is not finite at the first point");
        else if (largest_ <= limits_.gtol && gradient_decides())
            flat(largest_);
        else
            start(sizes);
    }
    if (!done() && limits_.maxiter == 0)
        finish(Status::kLimit, "maxiter = 0: f was evaluated at x0, and no step was taken");
    if (!done() && evaluations_ >= limits_.maxfun)
        finish(Status::kLimit, "maxfun = %lld evaluations were made",
               static_cast<long long>(limits_.maxfun));
}

void Solver::stop(const std::string& message) {
    if (!done()) finish(Status::kStopped, "%s", message.c_str());
}

void Solver::refuse(const std::string& message) {
    if (!done()) finish(Status::kNotFinite, "%s", message.c_str());
}

void Solver::flat(double largest) {
    finish(Status::kConverged, "the largest element of the gradient, %.3g, is at most gtol = %.3g",
           largest, limits_.gtol);
    doubt();
}

void Solver::doubt() {
    if (status_ == Status::kConverged && suspicion_ >= kSuspicious)
        finish(
            Status::kWrongGradient,
            "f and its gradient disagree: over each of the last steps f changed by another amount "
            "than the gradient says. It is wrong, or f is not smooth");
}

bool Solver::ends(double value, double largest, double promise) {
    const double decrease = value_ - value;
    const double size = std::max({std::abs(value_), std::abs(value), 1.0});
    if (largest <= limits_.gtol) {
        if (gradient_decides()) flat(largest);
    } else if (limits_.ftol > 0.0 && std::max(decrease, promise) <= limits_.ftol * size)
        finish(Status::kConverged,
               "the last decrease of f, %.3g, is at most ftol = %.3g times %.3g", decrease,
               limits_.ftol, size);
    doubt();
    if (!done() && iterations_ + 1 >= limits_.maxiter && largest > limits_.gtol)
        finish(Status::kLimit, "maxiter = %lld iterations were made",
               static_cast<long long>(limits_.maxiter));
    return done();
}

void Solver::move(double value, double largest) {
    std::swap(x_, trial_);
    value_ = value;
    largest_ = largest;
    lowest_ = std::min(lowest_, value);
    ++iterations_;
    if (best_x_ && best_value_ >= value - noise()) best_x_.reset();
}

void Solver::keep_this_if_best() {
    if (best_x_) return;
    best_x_ = x_;
    best_value_ = value_;
    if (!best_g_) best_g_ = std::make_shared<Vector>(n_, dtype(), 4);
    std::memcpy(best_g_->data(), g_->data(), static_cast<std::size_t>(g_->bytes()));
}

void Solver::keep_if_best(double value, const char* gradient) {
    if (!(value < lowest_)) return;
    lowest_ = best_value_ = value;
    best_x_ = trial_;
    if (!best_g_) best_g_ = std::make_shared<Vector>(n_, dtype(), 4);
    std::memcpy(best_g_->data(), gradient, static_cast<std::size_t>(g_->bytes()));
}

void Solver::fresh_trial() {
    if (trial_.use_count() == 1) return;
    if (!spare_ || spare_.use_count() != 1) spare_ = std::make_shared<Vector>(n_, dtype(), 5);
    std::swap(trial_, spare_);
}

Solver::Best Solver::best() const {
    if (best_x_) return {best_x_, best_g_, best_value_};
    return {x_, g_, value_};
}

double disagreement(double change, double expected) {
    return std::abs(change - expected) / std::max(std::abs(change), std::abs(expected));
}

void Solver::watch(double change, double expected) {
    if (std::max(std::abs(change), std::abs(expected)) <= kTelling * noise()) return;
    const double part = disagreement(change, expected);
    suspicion_ = part > kUnrelated ? suspicion_ + 1.5 : part > kDisagree ? suspicion_ + 1.0 : 0.0;
}

bool Solver::idle(int evaluations) {
    progressed_ =
        value_ < record_value_ - kTelling * noise() || largest_ < kProgress * record_gradient_;
    if (progressed_) {
        disagreement_ = 0.0;
        record_value_ = std::min(record_value_, value_);
        record_gradient_ = std::min(record_gradient_, largest_);
        idle_ = 0;
    } else {
        idle_ += evaluations;
    }
    return idle_ >= kMostIdle;
}

void Solver::conclude(double promise) {
    const double x = std::sqrt(work_.norms(x_->data()).squares);
    const double along = x * std::sqrt(work_.norms(g_->data()).squares);
    const double hidden = std::max(noise(), epsilon() * along);
    const bool flat = along <= kFlat[dtype()] * std::abs(value_) || hidden >= std::abs(value_);
    if (disagreement_ > kDisagree)
        finish(Status::kWrongGradient,
               "f and its gradient disagree: over the last step that could tell, by %.0f %%. It is "
               "wrong, or f is not smooth here",
               100.0 * disagreement_);
    else if (flat && promise > 0.0 && promise <= hidden)
        finish(Status::kConverged,
               "the decrease of f still to be expected, %.3g, is less than rounding hides, %.3g",
               promise, hidden);
    else
        finish(Status::kNoDecrease,
               "no step decreases f any more; the largest element of the gradient is %.3g",
               largest_);
}

void Solver::finish(Status status, const char* format, ...) {
    char text[256];
    va_list values;
    va_start(values, format);
    std::vsnprintf(text, sizeof text, format, values);
    va_end(values);
    status_ = status;
    message_ = text;
}

void Solver::visit(Archive& archive) {
    bool has_best = best_x_ != nullptr;
    archive(*x_);
    if (archive.reading()) trial_ = std::make_shared<Vector>(n_, dtype(), 2);
    archive(*trial_, *g_, value_, largest_, lowest_, iterations_, evaluations_, waiting_for_,
            status_, message_, suspicion_, disagreement_, record_value_, record_gradient_, idle_,
            progressed_, has_best);
    if (!has_best) return;
    if (archive.reading()) {
        best_x_ = std::make_shared<Vector>(n_, dtype(), 5);
        best_g_ = std::make_shared<Vector>(n_, dtype(), 4);
    }
    archive(*best_x_, *best_g_, best_value_);
}

}  // namespace schuss

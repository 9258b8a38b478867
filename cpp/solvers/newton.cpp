#include "solvers/newton.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/float_environment.hpp"
#include "solvers/line_search.hpp"

namespace schuss {
namespace {

// Conn, Gould and Toint 2000, chapter 17.1: steps are taken above the first ratio of actual to
// predicted decrease, the region shrinks below the second and may grow above the third.
constexpr double kTake = 1e-4, kPoor = 0.25, kGood = 0.75;
constexpr double kShrink = 0.25, kBackOut = 0.1, kGrow = 2.0;
constexpr double kLargest = 1e10;
constexpr int kMostTrials = 60;

}  // namespace

Newton::Newton(std::int64_t n, DType iterates, const char* x0, const Limits& limits)
    : Solver(n, iterates, kFloat64, x0, limits), region_(n) {
    for (auto* vector : {&gradient_, &p_, &s_, &y_}) vector->resize(static_cast<std::size_t>(n));
}

Request Newton::request() const {
    return done() ? Request::kNone : waiting_ ? Request::kHessian : Request::kValueAndGradient;
}

void Newton::start(const VectorWork::Sizes&) {
    copy_as_doubles(dtype(), g_->data(), n_, gradient_.data());
    waiting_ = true;
}

void Newton::tell_hessian(const double* h) {
    if (request() != Request::kHessian) throw std::logic_error("no Hessian was asked for");
    const FloatEnvironment pinned;
    hessian_.assign(h, h + n_ * n_);
    ++hessians_;
    waiting_ = false;
    region_.forget_curvature();
    if (largest_ <= limits_.gtol) {
        minimum_ = region_.convex(hessian_);
        if (minimum_) return flat(largest_);
    }
    trials_ = 0;
    propose();
}

void Newton::propose() {
    step_ = region_.solve(hessian_, gradient_, radius_, p_);
    if (trials_ == 0)
        promise_ = step_.interior ? step_.predicted : std::numeric_limits<double>::infinity();
    fresh_trial();
    work_.advance({x_->data(), reinterpret_cast<const char*>(p_.data()), 1.0, trial_->data()});
}

void Newton::receive(double value, const char* gradient) {
    if (waiting_) throw std::logic_error("the Hessian was asked for");
    const auto n = static_cast<std::size_t>(n_);
    copy_as_doubles(dtype(), trial_->data(), n_, s_.data());
    copy_as_doubles(dtype(), x_->data(), n_, y_.data());
    double squares = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
        s_[i] -= y_[i];
        squares += s_[i] * s_[i];
    }
    copy_as_doubles(dtype(), gradient, n_, y_.data());
    const VectorWork::Sizes sizes = work_.norms(gradient);
    const bool finite = std::isfinite(value) && std::isfinite(sizes.squares);
    const double length = std::sqrt(squares);
    double expected = 0.0;  // the mean of the slopes at both ends
    for (std::size_t i = 0; i < n; ++i) expected += s_[i] * (gradient_[i] + y_[i]) / 2.0;
    double change = value - value_;
    // What rounding hides the slopes still say, as in the line search.
    if (finite && std::abs(change) <= noise() && value <= lowest_ + noise()) change = expected;
    const double ratio = finite && step_.predicted > 0.0 ? -change / step_.predicted : 0.0;
    if (!(ratio >= kPoor))
        radius_ = (finite ? kShrink : kBackOut) * std::min(radius_, step_.length);
    else if (ratio > kGood && !step_.interior)
        radius_ = std::min(kGrow * radius_, kLargest);
    ++trials_;
    if (!(ratio > kTake)) {
        if (finite) keep_if_best(value, gradient);
        if (finite && std::abs(value - value_) > kTelling * noise())
            disagreement_ = disagreement(value - value_, expected);
        if (length == 0.0 || trials_ == kMostTrials) return give_up();
        return propose();
    }
    watch(value - value_, expected);
    const bool last = ends(value, sizes.largest, step_.predicted);
    std::memcpy(g_->data(), gradient, static_cast<std::size_t>(g_->bytes()));
    move(value, sizes.largest);
    if (last) return;
    gradient_.swap(y_);
    const bool stuck = idle(trials_);
    if (radius_ >= kLargest && progressed())
        return finish(Status::kUnbounded,
                      "f fell to %.3g and the region has grown to %.3g: it seems to be unbounded "
                      "below",
                      value, radius_);
    if (stuck) return give_up();
    waiting_ = true;
}

void Newton::give_up() {
    conclude(promise_);
    minimum_ = status() == Status::kConverged;  // only a Newton step promises anything
}

void Newton::visit(Archive& archive) {
    Solver::visit(archive);
    archive(hessian_, gradient_, p_, step_, radius_, waiting_, minimum_, trials_, promise_,
            hessians_);
    region_.visit(archive);
    const auto n = static_cast<std::size_t>(n_);
    if (gradient_.size() != n || p_.size() != n || (!hessian_.empty() && hessian_.size() != n * n))
        throw std::invalid_argument("the state is damaged");
}

}  // namespace schuss

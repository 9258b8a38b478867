#include "solvers/region.hpp"

#include <algorithm>
#include <cmath>

namespace schuss {
namespace {

// Ratios of actual to predicted decrease from which a step is taken, and from which the region
// grows by kGrow where the step went that near to its boundary (Nocedal and Wright 2006, algorithm
// 4.1); within kExact of 1 the model counts as exact.
constexpr double kTake = 1e-4, kGood = 0.75, kNearBoundary = 0.8, kGrow = 2.0, kExact = 0.1;
constexpr double kBackOut = 0.1;  // of the step at which f was not finite
constexpr double kFirst = 0.7;    // the first radius as a part of what is fair without a Hessian
constexpr int kLeap = 3;          // a region that grew so often, as exact as that, grows faster
constexpr int kMostTrials = 60;   // from one point

}  // namespace

RegionSolver::RegionSolver(const Start& from, const Limits& limits, const Shrinking& shrinking)
    : Solver(from, limits), shrinking_(shrinking) {
    const auto n = static_cast<std::size_t>(n_);
    for (auto* vector : {&gradient_, &s_}) vector->resize(n);
    if (!bounds_) return;
    place_.resize(n);
    for (std::size_t i = 0; i < n; ++i) {
        lower_.push_back(bounds_->lower(i));
        upper_.push_back(bounds_->upper(i));
    }
}

Boxed RegionSolver::boxed() {
    if (!bounds_) return {};
    copy_as_doubles(dtype(), x_->data(), n_, place_.data());
    return {place_.data(), gradient_.data(), lower_.data(), upper_.data()};
}

void RegionSolver::try_step(const std::vector<double>& p) {
    fresh_trial();
    work_.advance({x_->data(), bytes(p), 1.0, trial_->data(), box()});
    wait_for(Request::kValueAndGradient);
}

void RegionSolver::start(const VectorWork::Sizes& sizes) {
    copy_as_doubles(dtype(), g_->data(), n_, gradient_.data());
    radius_ = kFirst * fair_length(std::sqrt(sizes.squares));
    arrive();
}

void RegionSolver::receive(double value, const char* gradient) {
    const VectorWork::Compared seen =
        work_.compare({x_->data(), trial_->data(), gradient, gradient_.data(), s_.data(),
                       y_.empty() ? nullptr : y_.data(), box()});
    const double length = std::sqrt(seen.length_squared);
    const bool finite = std::isfinite(value) && std::isfinite(seen.squares) && !run_.beyond(length);
    const double predicted = predict(), slope = seen.slope;
    double change = value - run_.value;
    const double expected = slope + seen.curvature / 2.0;  // the mean of the slopes at both ends
    // What rounding hides the slopes still say, as in the line search.
    if (finite && std::abs(change) <= run_.noise() && value <= run_.highest(run_.lowest))
        change = expected;
    const double ratio = finite && predicted > 0.0 ? -change / predicted : 0.0;
    if (finite) learn(ratio, std::sqrt(seen.squares));
    if (!(std::abs(ratio - 1.0) < kExact)) grown_ = 0;
    if (!(ratio >= shrinking_.below))
        radius_ = std::min(radius_, length) * (finite ? shrinking_.to : kBackOut);
    else if (ratio > kGood && length > kNearBoundary * radius_)
        radius_ *= std::ldexp(kGrow, std::max(0, ++grown_ - kLeap));
    ++trials_;
    // As in the line search: the decrease to where the slope along s is zero.
    if (const double rise = 2.0 * (expected - slope); finite && rise > 0.0)
        promise_ = std::max(promise_, slope / rise * slope / 2.0);
    const bool answer = finite && gradient_decides() && seen.largest <= limits().gtol &&
                        value <= run_.highest(run_.value);
    if (!(ratio > kTake) && !answer) {
        if (finite) {
            keep_if_best(value, gradient);
            ending_.watch_untaken({value - run_.value, slope, 2.0 * expected - slope, length});
        }
        if (length == 0.0 || trials_ == kMostTrials) return give_up();
        return propose();
    }
    keep_this_if_better(value);
    ending_.watch_taken({value - run_.value, slope, 2.0 * expected - slope, length});
    const bool last = ending_.ends_at(value, seen.largest, predicted, gradient_decides());
    g_->set(gradient);
    copy_as_doubles(dtype(), gradient, n_, gradient_.data());
    move(value, seen.largest, length);
    if (last || ending_.runs_away()) return;
    if (ending_.idle(trials_)) return give_up();
    trials_ = 0;
    promise_ = 0.0;
    arrive();
}

void RegionSolver::visit(Archive& archive) {
    Solver::visit(archive);
    archive(gradient_, radius_, grown_, trials_, promise_);
    Archive::require(gradient_.size() >= static_cast<std::size_t>(n_));
}

}  // namespace schuss

#include "solvers/newton.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace schuss {

RegionNewton::RegionNewton(const Start& from, const Limits& limits)
    : RegionSolver(from, limits, {0.25, 0.25}), model_(n_) {
    if (bounds_) projected_.emplace(n_);
}

void RegionNewton::receive_hessian(const Hessian& h) {
    model_.adopt(h, run_.epsilon());
    propose();
}

void RegionNewton::propose() {
    if (projected_) {
        const Boxed at = boxed();
        if (gradient_small()) {
            const auto step = projected_->leave_saddle(at, model_, radius_, limits().gtol);
            if (!step) return end_flat();
            step_ = *step;
        } else {
            step_ = projected_->within(at, model_, radius_);
        }
        std::copy_n(projected_->step().begin(), n_, s_.begin());
    } else {
        if (trials_ == 0 && gradient_small() && model_.convex()) return end_flat();
        step_ = model_.within(gradient_, radius_, s_);  // s_ is free until the trial is told
    }
    if (trials_ == 0) newton_promise_ = step_.interior ? step_.predicted : INFINITY;
    try_step(s_);
}

void RegionNewton::end_flat() {
    minimum_ = certain();
    ending_.flat(run_.largest);
}

bool RegionNewton::certain() {
    return !projected_ || projected_->certain(boxed(), model_, limits().gtol);
}

void RegionNewton::give_up() {
    conclude(newton_promise_);
    minimum_ = status() == Status::kConverged && certain();  // only a Newton step promises anything
}

Solver::SecondOrder RegionNewton::second_order() const {
    if (!projected_) return {model_.count(), model_.curvature(), minimum_, model_.shift()};
    return {model_.count(), projected_->curvature(), minimum_, projected_->shift()};
}

void RegionNewton::visit(Archive& archive) {
    RegionSolver::visit(archive);
    model_.visit(archive);
    if (projected_) projected_->visit(archive);
    archive(step_, minimum_, newton_promise_);
}

PlainNewton::PlainNewton(const Start& from, const Limits& limits, double rate)
    : Solver(from, limits),
      rate_(rate),
      model_(n_),
      gradient_(static_cast<std::size_t>(n_)),
      p_(static_cast<std::size_t>(n_)) {}

void PlainNewton::receive_hessian(const Hessian& h) {
    model_.adopt(h, run_.epsilon());
    copy_as_doubles(dtype(), g_->data(), n_, gradient_.data());
    if (gradient_small()) {
        best_.forget();  // the point where the method ended
        minimum_ = model_.convex();
        if (minimum_)
            ending_.flat(run_.largest);
        else
            ending_.finish(
                Status::kNoMinimum,
                "the largest element of the gradient, %.3g, is at most gtol = %.3g, but f curves "
                "down there, by %.3g: a saddle or a maximum",
                run_.largest, limits().gtol, model_.curvature());
    } else if (!model_.newton(gradient_, p_)) {
        ending_.finish(Status::kNoDecrease, "the Hessian is singular: there is no Newton step");
    } else {
        slope_ = work_.probe({g_->data(), bytes(p_)}).slope;
        fresh_trial();
        work_.advance({x_->data(), bytes(p_), rate_, trial_->data()});
        wait_for(Request::kValueAndGradient);
    }
}

void PlainNewton::receive(double value, const char* gradient) {
    const VectorWork::Sizes sizes = work_.probe({gradient, bytes(p_)});
    if (!std::isfinite(value) || !std::isfinite(sizes.squares))
        return ending_.finish(Status::kNotFinite, "f is not finite where the Newton step leads");
    if (std::memcmp(trial_->data(), x_->data(), static_cast<std::size_t>(x_->bytes())) == 0)
        return ending_.finish(
            Status::kNoDecrease,
            "the Newton step changes x no more; the largest element of the gradient is "
            "%.3g",
            run_.largest);
    const double length = rate_ * std::sqrt(work_.dot(p_, p_));
    ending_.watch_taken({value - run_.value, rate_ * slope_, rate_ * sizes.slope, length});
    keep_this_if_better(value);
    const bool last = ending_.ends_at(value, sizes.largest, 0.0, gradient_decides());
    move(value, sizes.largest, length);
    g_->set(gradient);
    if (!last && !ending_.runs_away()) wait_for(Request::kHessian);
}

Solver::SecondOrder PlainNewton::second_order() const {
    return {model_.count(), model_.curvature(), minimum_, 0.0};
}

void PlainNewton::visit(Archive& archive) {
    Solver::visit(archive);
    model_.visit(archive);
    archive(p_, slope_, minimum_);
    Archive::require(p_.size() == static_cast<std::size_t>(n_));
}

}  // namespace schuss

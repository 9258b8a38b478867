#include "solvers/search_newton.hpp"

#include <algorithm>
#include <cmath>

namespace schuss {
namespace {

// Of steps from a saddle: the part of the predicted decrease that is enough, what is left of one
// that was too long, and the part of the first one at which the search ends.
constexpr double kTake = 1e-4, kBackOut = 0.25, kShortest = 1e-18;

}  // namespace

HessianCurvature::HessianCurvature(std::int64_t n) : model(n) {
    for (auto* vector : {&gradient, &d, &s_, &y_}) vector->resize(static_cast<std::size_t>(n));
}

const Curvature::Place& HessianCurvature::place() {
    s_ = d;
    return pair_at(bytes(s_), bytes(y_));
}

const Curvature::Terms& HessianCurvature::direction(const FreeGradient&) {
    if (known && model.descend(gradient, d)) return terms_ = {0.0, {bytes(d)}, {1.0}};
    return terms_ = {-scale_, {}, {}};
}

void HessianCurvature::forget(double scale) {
    known = false;
    scale_ = scale;
}

void HessianCurvature::visit(Archive& archive) {
    model.visit(archive);
    archive(known, gradient, d, scale_);
    Archive::require(gradient.size() == y_.size() && d.size() == y_.size());
}

void SearchNewton::aim() {
    if (told_at_ == run_.iterations)
        Descent::aim();
    else
        wait_for(Request::kHessian);
}

void SearchNewton::receive_hessian(const Hessian& h) {
    Quadratic& model = own_.model;
    model.adopt(h, run_.epsilon());
    copy_as_doubles(dtype(), g_->data(), n_, own_.gradient.data());
    told_at_ = run_.iterations;
    own_.known = true;
    wait_for(Request::kValueAndGradient);
    if (!gradient_small()) {
        Descent::aim();
    } else if (model.convex()) {
        minimum_ = true;
        ending_.flat(run_.largest);
    } else {
        const double fair = fair_length(std::sqrt(work_.norms(g_->data()).squares));
        const double radius = std::max(run_.first_length, fair);
        escape_ = model.within(own_.gradient, radius, own_.d).predicted;
        direction_ = own_.place_of_direction();
        const double slope = work_.probe({g_->data(), direction_}).slope;
        search_ = LineSearch({}, run_.value, slope, 1.0, run_.value, run_.noise());
        try_step(1.0);
    }
}

void SearchNewton::receive(double value, const char* gradient) {
    if (escape_ == 0.0) return Descent::receive(value, gradient);
    const VectorWork::Sizes sizes = work_.probe({gradient, direction_});
    const bool finite = std::isfinite(value) && std::isfinite(sizes.squares);
    if (finite && value <= run_.value - kTake * step_ * step_ * escape_) {
        escape_ = 0.0;
        return take(value, gradient, sizes);
    }
    if (finite) keep_if_best(value, gradient);
    if (step_ > kShortest) return try_step(kBackOut * step_);
    ending_.finish(
        Status::kNoDecrease,
        "f curves down by %.3g at a point where the largest element of the gradient is %.3g, but "
        "no step that way decreases it",
        own_.model.curvature(), run_.largest);
}

Solver::SecondOrder SearchNewton::second_order() const {
    const Quadratic& model = own_.model;
    // Where rounding ends a run, H was positive definite if it took no shift.
    const bool definite = told_at_ == run_.iterations && model.shift() == 0.0;
    return {model.count(), model.curvature(),
            minimum_ || (status() == Status::kConverged && definite), model.shift()};
}

void SearchNewton::visit(Archive& archive) {
    Descent::visit(archive);
    archive(told_at_, escape_, minimum_);
}

}  // namespace schuss

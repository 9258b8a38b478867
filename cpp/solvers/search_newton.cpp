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
    char *s = reinterpret_cast<char*>(s_.data()), *y = reinterpret_cast<char*>(y_.data());
    return place_ = {s, y, {s, y}, 0, 1};
}

const Curvature::Terms& HessianCurvature::direction(const char*) {
    if (known && model.descend(gradient, d, ready))
        return terms_ = {0.0, {reinterpret_cast<const char*>(d.data())}, {1.0}};
    return terms_ = {-scale_, {}, {}};
}

void HessianCurvature::forget(double scale) {
    known = false;
    scale_ = scale;
}

void HessianCurvature::visit(Archive& archive) {
    model.visit(archive);
    archive(known, gradient, d, scale_);
    if (gradient.size() != y_.size() || d.size() != y_.size())
        throw std::invalid_argument("the state is damaged");
}

void SearchNewton::aim() {
    if (told_at_ == iterations_)
        Descent::aim();
    else
        wait_for(Request::kHessian);
}

std::string SearchNewton::receive_hessian(const double* h, const LaneModel* ready) {
    Quadratic& model = own_.model;
    if (std::string fault = model.set(h, epsilon(), ready); !fault.empty()) return fault;
    copy_as_doubles(dtype(), g_->data(), n_, own_.gradient.data());
    told_at_ = iterations_;
    own_.known = true;
    wait_for(Request::kValueAndGradient);
    if (!gradient_small()) {
        own_.ready = ready;
        Descent::aim();
        own_.ready = nullptr;
    } else if (model.convex(ready)) {
        minimum_ = true;
        flat(largest_);
    } else {
        escape_ = model
                      .within(own_.gradient,
                              std::max(first_length(),
                                       fair_length(std::sqrt(work_.norms(g_->data()).squares))),
                              own_.d)
                      .predicted;
        direction_ = own_.place_of_direction();
        const double slope = work_.probe({g_->data(), direction_}).along;
        search_ = LineSearch({}, value_, slope, 1.0, value_, noise());
        try_step(1.0);
    }
    return "";
}

void SearchNewton::receive(double value, const char* gradient) {
    if (escape_ == 0.0) return Descent::receive(value, gradient);
    const VectorWork::Sizes sizes = work_.probe({gradient, direction_});
    const bool finite = std::isfinite(value) && std::isfinite(sizes.squares);
    if (finite && value <= value_ - kTake * step_ * step_ * escape_) {
        escape_ = 0.0;
        return take(value, gradient, sizes);
    }
    if (finite) keep_if_best(value, gradient);
    if (step_ > kShortest) return try_step(kBackOut * step_);
    finish(
        Status::kNoDecrease,
        "f curves down by %.3g at a point where the largest element of the gradient is %.3g, but "
        "no step that way decreases it",
        own_.model.curvature(), largest_);
}

Solver::SecondOrder SearchNewton::second_order() const {
    const Quadratic& model = own_.model;
    // Where rounding ends a run, H was positive definite if it took no shift.
    const bool definite = told_at_ == iterations_ && model.shift() == 0.0;
    return {model.count(), model.curvature(),
            minimum_ || (status() == Status::kConverged && definite), model.shift()};
}

void SearchNewton::visit(Archive& archive) {
    Descent::visit(archive);
    archive(told_at_, escape_, minimum_);
}

}  // namespace schuss

#include "solvers/newton_cg.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace schuss {
namespace {

constexpr std::int64_t kMostLooks = 30;  // products to look for negative curvature with

}  // namespace

NewtonCG::NewtonCG(const Start& from, const Limits& limits)
    : RegionSolver(from, limits, {0.25, 0.25}),
      step_(n_, n_, bounds_ != nullptr),
      p_(static_cast<std::size_t>(n_)) {}

void NewtonCG::arrive() {
    least_ = INFINITY;
    looking_ = run_.largest <= limits().gtol;
    doubtful_ = false;
    if (looking_) return look_for_curvature();
    propose();
}

void NewtonCG::propose() {
    if (looking_) return follow_curvature();
    step_.start(gradient_, radius_, boxed());
    wait_for(Request::kHessianProduct);
}

// From a gradient with signs and sizes that no symmetry of a problem is likely to share.
void NewtonCG::look_for_curvature() {
    const Boxed at = boxed();
    if (bounds_) {
        const bool flat =
            step_.box().hold_at_bounds(at, doubtful_ ? limits().gtol : BoxStep::kNone);
        if (doubtful_ && !flat) return end_flat(true);
        if (step_.box().free() == 0) return look_further();
    }
    for (std::int64_t i = 0; i < n_; ++i) {
        const std::int64_t mixed = i * 2654435761 % 4294967296;
        double& pi = p_[static_cast<std::size_t>(i)];
        pi = static_cast<double>(mixed) / 2147483648.0 - 0.99;
        // Conjugate gradients begin with -p: into the box.
        if (doubtful_ && at.x[i] <= at.lower[i]) pi = -std::abs(pi);
        if (doubtful_ && at.x[i] >= at.upper[i]) pi = std::abs(pi);
    }
    step_.look(p_, std::min(n_, kMostLooks));
    wait_for(Request::kHessianProduct);
}

// What the free variables leave in doubt.
void NewtonCG::look_further() {
    doubtful_ = true;
    look_for_curvature();
}

void NewtonCG::receive_product(const double* product) {
    ++products_;
    step_.tell(product);
    least_ = std::min(least_, step_.last().least());
    if (!step_.done()) return;
    if (!looking_) {
        predicted_ = step_.predicted();
        if (trials_ == 0) newton_promise_ = step_.convex() ? predicted_ : INFINITY;
        return try_step(step_.step());
    }
    const double least = step_.last().least(), most = step_.last().most();
    const double rounding =
        std::sqrt(std::numeric_limits<double>::epsilon()) * std::max(most, -least);
    if (least >= -rounding) {
        if (bounds_ && !doubtful_) return look_further();
        return end_flat(!doubtful_ || least > rounding);
    }
    p_ = step_.last().direction();
    newton_promise_ = INFINITY;
    follow_curvature();
}

void NewtonCG::end_flat(bool minimum) {
    minimum_ = minimum;
    ending_.flat(run_.largest);
}

// Along p_, which has negative curvature, to the boundary of the region.
void NewtonCG::follow_curvature() {
    const double curvature = step_.last().least();
    if (bounds_) {
        if (!step_.box().leave_saddle(boxed(), p_, curvature, radius_)) return end_flat(false);
        predicted_ = step_.predicted();
        return try_step(step_.step());
    }
    const double slope = work_.dot(gradient_, p_);
    const double scale = std::copysign(radius_ / std::sqrt(work_.dot(p_, p_)), -slope);
    for (double& value : p_) value *= scale;
    predicted_ = -scale * slope - radius_ * radius_ * curvature / 2.0;
    try_step(p_);
}

void NewtonCG::give_up() {
    conclude(newton_promise_);
    // Only a step without negative curvature promises anything.
    minimum_ = status() == Status::kConverged &&
               !(bounds_ && step_.box().hold_at_bounds(boxed(), limits().gtol));
}

Solver::SecondOrder NewtonCG::second_order() const { return {products_, least_, minimum_}; }

void NewtonCG::visit(Archive& archive) {
    RegionSolver::visit(archive);
    step_.visit(archive);
    archive(p_, predicted_, newton_promise_, least_, looking_, doubtful_, minimum_, products_);
    if (archive.reading() && bounds_) step_.box().resume(boxed());
    Archive::require(p_.size() == static_cast<std::size_t>(n_));
}

}  // namespace schuss

#include "solvers/newton_cg.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace schuss {
namespace {

constexpr std::int64_t kMostLooks = 30;  // products to look for negative curvature with

constexpr double kEnough = 0.1;  // of the gradient as what a step may leave of it

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

NewtonCG::NewtonCG(std::int64_t n, DType iterates, const Start& from, const Limits& limits)
    : RegionSolver(n, iterates, from, limits, {0.25, 0.25}),
      step_(n, n),
      p_(static_cast<std::size_t>(n)) {}

void NewtonCG::arrive() {
    least_ = kInfinity;
    looking_ = run_.largest <= limits().gtol;
    if (looking_) return look_for_curvature();
    propose();
}

void NewtonCG::propose() {
    if (looking_) return follow_curvature();
    step_.start(gradient_, radius_, 2 * n_, kEnough);
    wait_for(Request::kHessianProduct);
}

// From a gradient with signs and sizes that no symmetry of a problem is likely to share.
void NewtonCG::look_for_curvature() {
    for (std::int64_t i = 0; i < n_; ++i) {
        const std::int64_t mixed = i * 2654435761 % 4294967296;
        p_[static_cast<std::size_t>(i)] = static_cast<double>(mixed) / 2147483648.0 - 0.99;
    }
    step_.start(p_, kInfinity, std::min(n_, kMostLooks), 0.0);
    wait_for(Request::kHessianProduct);
}

void NewtonCG::receive_product(const double* product) {
    ++products_;
    step_.tell(product);
    least_ = std::min(least_, step_.least());
    if (!step_.done()) return;
    if (!looking_) {
        predicted_ = step_.predicted();
        if (trials_ == 0) newton_promise_ = step_.least() > 0.0 ? predicted_ : kInfinity;
        return try_step(step_.step());
    }
    const double rounding = std::sqrt(std::numeric_limits<double>::epsilon());
    if (step_.least() >= -rounding * std::max(step_.most(), -step_.least())) {
        minimum_ = true;
        return ending_.flat(run_.largest);
    }
    p_ = step_.direction();
    newton_promise_ = kInfinity;
    follow_curvature();
}

// Along p_, which has negative curvature, to the boundary of the region.
void NewtonCG::follow_curvature() {
    const double slope = dot(gradient_, p_);
    const double scale = std::copysign(radius_ / std::sqrt(dot(p_, p_)), -slope);
    for (double& value : p_) value *= scale;
    predicted_ = -scale * slope - radius_ * radius_ * step_.least() / 2.0;
    try_step(p_);
}

void NewtonCG::give_up() {
    conclude(newton_promise_);
    minimum_ = status() == Status::kConverged;  // only a step without negative curvature promises
}

Solver::SecondOrder NewtonCG::second_order() const { return {products_, least_, minimum_}; }

void NewtonCG::visit(Archive& archive) {
    RegionSolver::visit(archive);
    step_.visit(archive);
    archive(p_, predicted_, newton_promise_, least_, looking_, minimum_, products_);
    Archive::require(p_.size() == static_cast<std::size_t>(n_));
}

}  // namespace schuss

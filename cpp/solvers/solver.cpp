#include "solvers/solver.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "runtime/float_environment.hpp"

namespace schuss {
namespace {

// The first step as a part of x: of 0.1 to 1, the best for BFGS on data in raw units (NIST), and
// within 2 % of the best on the standard problems.
constexpr double kFirst = 0.3;

}  // namespace

Solver::Solver(const Start& from, const Limits& limits, DType directions)
    : n_(from.n),
      bounds_(from.bounds),
      work_(n_, from.dtype, directions),
      x_(std::make_shared<Vector>(n_, from.dtype, 1)),
      trial_(std::make_shared<Vector>(n_, from.dtype, 2)),
      g_(std::make_shared<Vector>(n_, from.dtype, 3)),
      run_(n_, from.dtype),
      ending_(run_, limits, bounds_ ? "projected gradient" : "gradient"),
      best_(n_, from.dtype) {
    x_->set(from.x0);
    if (bounds_) {
        bounds_->clip(x_->data(), static_cast<std::size_t>(n_));
        box_ = bounds_->box();
    }
    trial_->set(x_->data());
}

void Solver::check_request(Request told) const {
    if (done()) throw std::logic_error("the solver is done: " + message());
    if (told != waiting_for_) throw std::logic_error("something else was requested");
}

void Solver::tell_hessian(const Hessian& h) {
    check_request(Request::kHessian);
    const FloatEnvironment pinned;
    receive_hessian(h);
}

void Solver::tell_product(const double* product) {
    check_request(Request::kHessianProduct);
    const FloatEnvironment pinned;
    receive_product(product);
}

void Solver::tell_residuals(const Residuals& told) {
    check_request(Request::kResiduals);
    const FloatEnvironment pinned;
    ++run_.evaluations;
    receive_residuals(told);
}

void Solver::tell_jacobian(const double* jacobian) {
    check_request(Request::kJacobian);
    const FloatEnvironment pinned;
    receive_jacobian(jacobian);
}

void Solver::tell(double value, const char* gradient) {
    check_request(Request::kValueAndGradient);
    const FloatEnvironment pinned;
    ++run_.evaluations;
    run_.see(value, gradient);
    if (run_.evaluations == 1)
        tell_first(value, gradient);
    else if (value == -INFINITY)
        ending_.finish(Status::kUnbounded, "f is -inf: it is unbounded below");
    else
        receive(value, gradient);
    ending_.count();
}

void Solver::tell_first(double value, const char* gradient) {
    const VectorWork::Sizes sizes = sizes_at_x(gradient);
    g_->set(gradient);
    run_.value = run_.lowest = run_.first_value = value;
    run_.largest = sizes.largest;
    ending_.start();
    if (!std::isfinite(value))
        return ending_.finish(Status::kNotFinite, "f is %g at the first point", value);
    if (!sizes.finite)
        return ending_.finish(Status::kNotFinite, "the gradient is not finite at the first point");
    if (gradient_small() && gradient_decides()) return ending_.flat(run_.largest);
    run_.first_slope = std::sqrt(sizes.squares);
    run_.first_length = fair_length(run_.first_slope);
    run_.first_size = std::sqrt(work_.norms(x_->data()).squares);
    start(sizes);
}

void Solver::check_unbegun() const {
    if (run_.evaluations > 0) throw std::logic_error("the run has begun");
}

void Solver::inherit(Solver&) { throw std::logic_error("the method inherits nothing"); }

void Solver::recall(const Pairs&) {
    throw std::logic_error("the method keeps no pairs of this dtype");
}

void Solver::stop(const std::string& message, Status status) {
    if (!done()) ending_.finish(status, "%s", message.c_str());
}

void Solver::move(double value, double largest, double length) {
    run_.travelled += length;
    std::swap(x_, trial_);
    run_.value = value;
    run_.largest = largest;
    run_.lowest = std::min(run_.lowest, value);
    ++run_.iterations;
    if (best_.known() && best_.value() >= value) best_.forget();
}

// Hager and Zhang 2006, section 5, has a part of x or else of |f| / |g|^2; here both are bounds.
double Solver::fair_length(double gradient) {
    const double x = kFirst * std::sqrt(work_.norms(x_->data()).squares);
    const double f = gradient > 0.0 ? std::abs(run_.value) / gradient : 0.0;
    // f may be 0 but for rounding.
    if (x > 0.0 && f > 0.0) return std::clamp(f, std::sqrt(run_.epsilon()) * x, x);
    if (x > 0.0 || f > 0.0) return x + f;
    return gradient > 0.0 ? std::min(1.0, gradient) : 1.0;
}

void Solver::keep_this_if_better(double value) {
    if (!best_.known() && value > run_.value) best_.keep(x_, run_.value, g_->data());
}

void Solver::keep_if_best(double value, const char* gradient) {
    if (!(value < run_.lowest)) return;
    run_.lowest = value;
    best_.keep(trial_, value, gradient);
}

void Solver::conclude(double promise) {
    const double x = std::sqrt(work_.norms(x_->data()).squares);
    ending_.conclude(promise, x * std::sqrt(sizes_at_x(g_->data()).squares));
}

void Solver::fresh_trial() {
    if (trial_.use_count() == 1) return;
    if (!spare_ || spare_.use_count() != 1) spare_ = std::make_shared<Vector>(n_, dtype(), 5);
    std::swap(trial_, spare_);
}

Solver::Best Solver::best() const {
    const bool converged = status() == Status::kConverged || status() == Status::kRunning;
    if (best_.known() && (!converged || best_.value() < run_.value - run_.noise()))
        return {best_.x(), best_.gradient(), best_.value()};
    return {x_, g_, run_.value};
}

void Solver::visit(Archive& archive) {
    archive(*x_);
    if (archive.reading()) trial_ = std::make_shared<Vector>(n_, dtype(), 2);
    archive(*trial_, *g_, waiting_for_);
    run_.visit(archive);
    ending_.visit(archive);
    best_.visit(archive);
}

}  // namespace schuss

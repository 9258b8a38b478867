#include "solvers/descent.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace schuss {
namespace {

// A pair is learned from when s.y > kCurvature |s| |y|, which no scaling of x or f changes, and y is
// more than what rounding leaves of equal gradients. Thresholds much larger than the first cost
// solved problems: one in five of the NIST set at 1e-10 (Ceres Solver's measurement).
constexpr double kCurvature[kDTypes] = {1e-7, 1e-14};
constexpr double kGradientNoise = 10.0;

constexpr double kPowell = 0.2;  // Powell 1978: s.y is raised to this part of s.B s

// A direction whose angle with -g is closer to a right one is not used.
constexpr double kRight = 1e-14;

// f moved by another amount than the mean of both slopes says, as a part of the larger of the two.
// Exact for quadratics, a tenth or so far from one; one half where a gradient is twice what it
// should be.
constexpr double kDisagreement = 0.4;
constexpr int kSuspicious = 3;

// The gradient has become smaller when it is below this part of the smallest so far.
constexpr double kProgress = 0.9;
constexpr int kMostIdle = 10;

}  // namespace

Descent::Descent(std::int64_t n, DType iterates, DType directions, const char* x0,
                 const Limits& limits, const DescentSettings& settings,
                 std::unique_ptr<Curvature> curvature)
    : Solver(n, iterates, directions, x0, limits),
      settings_(settings),
      curvature_(std::move(curvature)) {}

void Descent::start(const VectorWork::Sizes& sizes) {
    gradient_squares_ = sizes.squares;
    record_value_ = value_;
    record_gradient_ = largest_;
    curvature_->forget(std::min(1.0, 1.0 / std::sqrt(gradient_squares_)));
    aim();
}

void Descent::receive(double value, const char* gradient) {
    const VectorWork::Sizes sizes = work_.probe({gradient, direction_});
    if (forced_) return take(value, gradient, sizes);
    switch (search_.tell(value, sizes.along)) {
        case LineSearch::Verdict::kAccept:
            return take(value, gradient, sizes);
        case LineSearch::Verdict::kContinue:
            keep_if_best(value, gradient);
            return try_step(search_.step());
        case LineSearch::Verdict::kImperfect:
            if (search_.best().step == step_) return take(value, gradient, sizes);
            forced_ = true;
            return try_step(search_.best().step);
        case LineSearch::Verdict::kUnbounded:
            keep_if_best(value, gradient);
            return finish(Status::kUnbounded,
                          "f fell to %.3g along a step of length %.3g and is still falling: it "
                          "seems to be unbounded below",
                          value, step_ * std::sqrt(direction_squares_));
        case LineSearch::Verdict::kNoDecrease:
            keep_if_best(value, gradient);
            return search_failed();
    }
}

void Descent::take(double value, const char* gradient, const VectorWork::Sizes& sizes) {
    forced_ = false;
    watch_gradient(value, sizes.along);
    if (ends(value, sizes.largest)) {
        std::memcpy(g_.data(), gradient, static_cast<std::size_t>(g_.bytes()));
        move(value, sizes.largest);
        if (status() == Status::kConverged && suspicious_steps_ >= kSuspicious)
            finish(Status::kWrongGradient,
                   "the gradient does not belong to f: over each of the last %d steps f changed by "
                   "another amount than it says",
                   suspicious_steps_);
        return;
    }
    const auto begin = std::chrono::steady_clock::now();
    work_.parallel = pace_.parallel();
    learn(gradient, sizes);
    move(value, sizes.largest);
    if (idle(value, sizes.largest)) {
        if (!restarted_)
            restart();
        else if (!converged_to_rounding())
            finish(Status::kNoDecrease,
                   "neither f nor the gradient has become smaller over %d iterations", kMostIdle);
    }
    if (!done()) aim();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    pace_.record(took.count());
}

// Near a minimum, where rounding decides, steps may go on for ever and gain nothing.
bool Descent::idle(double value, double largest) {
    if (value < record_value_ - noise() || largest < kProgress * record_gradient_) {
        record_value_ = std::min(record_value_, value);
        record_gradient_ = std::min(record_gradient_, largest);
        idle_steps_ = 0;
        restarted_ = false;
    } else {
        ++idle_steps_;
    }
    return idle_steps_ >= kMostIdle;
}

void Descent::watch_gradient(double value, double slope) {
    const double change = value - value_;
    const double expected = step_ * (search_.start().slope + slope) / 2.0;
    const double size = std::max(std::abs(change), std::abs(expected));
    if (size <= 100.0 * noise()) return;
    const bool disagree = std::abs(change - expected) > kDisagreement * size;
    suspicious_steps_ = disagree ? suspicious_steps_ + 1 : 0;
}

void Descent::learn(const char* gradient, const VectorWork::Sizes& sizes) {
    const double slope = search_.start().slope;
    const double s_b_s = -step_ * step_ * slope;  // as B d = -g
    double keep = 1.0, damp = 0.0;
    if (const double s_y = step_ * (sizes.along - slope);
        settings_.damping && s_y < kPowell * s_b_s) {
        keep = (1.0 - kPowell) * s_b_s / (s_b_s - s_y);  // y becomes keep y + (1 - keep) B s
        damp = (1.0 - keep) * step_;
    }
    const Curvature::Place place = curvature_->place();
    const std::vector<double>& products = work_.pair(
        {x_->data(), trial_->data(), g_.data(), gradient, keep, damp, place.s, place.y,
         place.rows.data(), static_cast<int>(place.rows.size()), false});
    const double s_y = products[2 * place.s_row], y = std::sqrt(products[2 * place.y_row]);
    const double s = step_ * std::sqrt(direction_squares_);
    const double rounding = kGradientNoise * epsilon() *
                            (std::sqrt(gradient_squares_) + std::sqrt(sizes.squares));
    const bool good = s_y > s * std::max(kCurvature[dtype()] * y, rounding) && std::isfinite(s_y);
    curvature_->learn({products, good, keep, damp, s_b_s, sizes.squares});
    gradient_squares_ = sizes.squares;
}

void Descent::aim() {
    for (int attempt = 0; attempt < 2; ++attempt) {
        const Curvature::Terms terms = curvature_->direction(g_.data());
        direction_ = curvature_->place_of_direction();
        fresh_trial();
        const VectorWork::Slope slope = work_.combine(
            {g_.data(), terms.on_gradient, terms.rows.data(), terms.on_rows.data(),
             static_cast<int>(terms.rows.size()), direction_, x_->data(), trial_->data(), 1.0,
             false});
        direction_squares_ = slope.squares;
        const double right = kRight * std::sqrt(gradient_squares_) * std::sqrt(slope.squares);
        if (-slope.along > right && std::isfinite(slope.along) && std::isfinite(slope.squares)) {
            step_ = 1.0;
            search_ = LineSearch(settings_.search, value_, slope.along, step_, lowest_, noise());
            return;
        }
        curvature_->forget(std::min(1.0, 1.0 / std::sqrt(gradient_squares_)));
    }
    finish(Status::kNotFinite, "no direction of descent: the gradient overflows");
}

void Descent::try_step(double step) {
    step_ = step;
    fresh_trial();
    work_.advance({x_->data(), direction_, step_, trial_->data()});
}

// Whether the decrease that the directions promised, before a restart or after it, is less than
// rounding hides.
bool Descent::converged_to_rounding() {
    // What rounding f, and rounding x, may do to f.
    const double x_squares = work_.norms(x_->data()).squares;
    const double floor =
        std::max(noise(), epsilon() * std::sqrt(gradient_squares_) * std::sqrt(x_squares));
    const double now = -search_.start().slope / 2.0;
    const double expected = restarted_ ? std::min(now, promised_) : now;
    if (expected <= floor)
        finish(Status::kConverged,
               "the decrease of f still to be expected, %.3g, is less than rounding hides, %.3g",
               expected, floor);
    return done();
}

// What the curvature has learned may be what fails: once without it, then that is the end.
void Descent::restart() {
    restarted_ = true;
    promised_ = -search_.start().slope / 2.0;
    idle_steps_ = 0;
    curvature_->forget(std::min(1.0, 1.0 / std::sqrt(gradient_squares_)));
}

void Descent::search_failed() {
    if (!curvature_->empty() && !restarted_) {
        restart();
        return aim();
    }
    if (converged_to_rounding()) return;
    const LineSearch::Point& near = search_.shortest();
    const double quotient = (near.value - value_) / near.step, slope = search_.start().slope;
    if (search_.not_finite() == search_.evaluations())
        return finish(Status::kNotFinite, "f is not finite anywhere along the direction searched");
    if (search_.spread() <= noise())
        return finish(Status::kNoDecrease,
                      "f does not change by more than its rounding error along the direction of "
                      "descent; the largest element of the gradient is %.3g",
                      largest_);
    if (std::abs(near.value - value_) > noise() && std::abs(quotient - slope) > 0.1 * std::abs(slope))
        return finish(Status::kWrongGradient,
                      "the gradient does not belong to f: along the direction searched it says that "
                      "f changes by %.3g a unit, f changes by %.3g",
                      slope, quotient);
    finish(Status::kNoDecrease, "no step along the direction of descent decreases f enough");
}

void Descent::visit(Archive& archive) {
    Solver::visit(archive);
    archive(search_, step_, gradient_squares_, direction_squares_, forced_, suspicious_steps_,
            record_value_, record_gradient_, idle_steps_, restarted_, promised_);
    curvature_->visit(archive);
    direction_ = curvature_->place_of_direction();
}

}  // namespace schuss

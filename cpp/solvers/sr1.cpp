#include "solvers/sr1.hpp"

#include <algorithm>
#include <cmath>

#include "solvers/line_search.hpp"

namespace schuss {
namespace {

constexpr double kSkip = 1e-8;  // Nocedal and Wright 2006, equation 6.26

// Algorithm 6.2: steps are taken above the first ratio of actual to predicted decrease, the region
// shrinks below the second and may grow above the third.
constexpr double kTake = 1e-4, kPoor = 0.1, kGood = 0.75;
constexpr double kLargest = 1e10;
// Vectors that are no more than what rounding leaves of equal gradients say nothing.
constexpr double kGradientNoise = 10.0;

// Below this ratio the trial was so far off that its gradient says nothing of the region to come.
constexpr double kFar = 100.0;

constexpr int kMostTrials = 60;  // from one point: 60 halvings of the region

const char* bytes(const std::vector<double>& values) {
    return reinterpret_cast<const char*>(values.data());
}

}  // namespace

SR1::SR1(std::int64_t n, DType iterates, const char* x0, const Limits& limits)
    : Solver(n, iterates, kFloat64, x0, limits), doubles_(n, kFloat64, kFloat64), b_(n) {
    for (auto* vector : {&gradient_, &p_, &s_, &y_, &b_s_, &residual_, &search_, &b_search_})
        vector->resize(static_cast<std::size_t>(b_.padded()));
    b_.set_identity(1.0);
}

double SR1::dot(const std::vector<double>& a, const std::vector<double>& b) {
    return doubles_.probe({bytes(a), bytes(b)}).along;
}

void SR1::start(const VectorWork::Sizes&) { propose(); }

// p = the least of g.p + p.B p / 2 that conjugate gradients meet on their way, |p| <= radius.
void SR1::propose() {
    const auto n = static_cast<std::size_t>(n_);
    copy_as_doubles(dtype(), g_->data(), n_, gradient_.data());
    double squares = dot(gradient_, gradient_);
    const double norm = std::sqrt(squares), enough = norm * std::min(0.1, std::sqrt(norm));
    for (std::size_t i = 0; i < n; ++i) {
        p_[i] = 0.0;
        residual_[i] = gradient_[i];
        search_[i] = -gradient_[i];
    }
    for (std::int64_t iteration = 0; iteration < 2 * n_; ++iteration) {
        b_.multiply(search_.data(), b_search_.data());
        const double curvature = dot(search_, b_search_);
        const double step = squares / curvature;
        for (std::size_t i = 0; i < n; ++i) s_[i] = p_[i] + step * search_[i];
        const double reach = std::sqrt(dot(s_, s_));
        if (!(curvature > 0.0) || !(reach < radius_)) {
            to_boundary(search_);
            break;
        }
        for (std::size_t i = 0; i < n; ++i) {
            p_[i] = s_[i];
            residual_[i] += step * b_search_[i];
        }
        const double before = squares;
        squares = dot(residual_, residual_);
        if (std::sqrt(squares) <= enough) break;
        for (std::size_t i = 0; i < n; ++i)
            search_[i] = squares / before * search_[i] - residual_[i];
    }
    fresh_trial();
    work_.advance({x_->data(), bytes(p_), 1.0, trial_->data()});
}

// p += t along, |p| = radius, t > 0.
void SR1::to_boundary(const std::vector<double>& along) {
    const double a = dot(along, along), b = dot(p_, along), c = dot(p_, p_) - radius_ * radius_;
    const double t = -c / (b + std::sqrt(b * b - a * c));  // p and along never part: b >= 0
    for (std::size_t i = 0; i < static_cast<std::size_t>(n_); ++i) p_[i] += t * along[i];
}

void SR1::receive(double value, const char* gradient) {
    const auto n = static_cast<std::size_t>(n_);
    copy_as_doubles(dtype(), trial_->data(), n_, s_.data());
    copy_as_doubles(dtype(), x_->data(), n_, y_.data());
    for (std::size_t i = 0; i < n; ++i) s_[i] -= y_[i];
    copy_as_doubles(dtype(), gradient, n_, y_.data());
    for (std::size_t i = 0; i < n; ++i) y_[i] -= gradient_[i];
    const VectorWork::Sizes sizes = work_.norms(gradient);
    const double s_squares = dot(s_, s_), length = std::sqrt(s_squares);
    const bool finite = std::isfinite(value) && std::isfinite(sizes.squares);
    b_.multiply(s_.data(), b_s_.data());
    const double slope = dot(gradient_, s_);
    const double predicted = -(slope + dot(s_, b_s_) / 2.0);
    double change = value - value_;
    const double expected = slope + dot(y_, s_) / 2.0;  // the mean of the slopes at both ends
    // What rounding hides the slopes still say, as in the line search.
    if (finite && std::abs(change) <= noise() && value <= lowest_ + noise()) change = expected;
    const double ratio = finite && predicted > 0.0 ? -change / predicted : 0.0;
    if (finite && ratio > -kFar)
        learn(s_squares, std::sqrt(dot(gradient_, gradient_)) + std::sqrt(sizes.squares));
    if (!(ratio >= kPoor))
        radius_ = std::min(radius_, length) * (finite ? 0.5 : 0.1);
    else if (ratio > kGood && length > 0.8 * radius_)
        radius_ = std::min(2.0 * radius_, kLargest);
    ++trials_;
    // As in the line search: the decrease to where the slope along s is zero.
    if (const double rise = 2.0 * (expected - slope); finite && rise > 0.0)
        promise_ = std::max(promise_, slope / rise * slope / 2.0);
    if (!(ratio > kTake)) {
        if (finite) keep_if_best(value, gradient);
        if (finite && std::abs(value - value_) > kTelling * noise())
            disagreement_ = disagreement(value - value_, expected);
        if (length == 0.0 || trials_ == kMostTrials) return restart();
        return propose();
    }
    watch(value - value_, expected);
    const bool last = ends(value, sizes.largest, predicted);
    std::memcpy(g_->data(), gradient, static_cast<std::size_t>(g_->bytes()));
    move(value, sizes.largest);
    if (last) return;
    const bool stuck = idle(trials_);
    if (progressed()) restarted_ = false;
    if (radius_ >= kLargest && progressed())
        return finish(Status::kUnbounded,
                      "f fell to %.3g and the region has grown to %.3g: it seems to be unbounded "
                      "below",
                      value, radius_);
    if (stuck) return restart();
    trials_ = 0;
    promise_ = 0.0;
    propose();
}

// As in Descent: what B has learned may be what fails; once without it, then that is the end.
void SR1::restart() {
    if (restarted_) return conclude(promise_);
    restarted_ = true;
    wait_again();
    b_.set_identity(1.0);
    scaled_ = false;
    radius_ = 1.0;
    trials_ = 0;
    propose();
}

void SR1::learn(double s_squares, double gradient_lengths) {
    const auto n = static_cast<std::size_t>(n_);
    const double y_length = std::sqrt(dot(y_, y_)), length = std::sqrt(s_squares);
    const double rounding = kGradientNoise * epsilon() * gradient_lengths;
    const double s_y = dot(s_, y_);
    if (!scaled_ && s_y > 0.0 && y_length > rounding) {
        // The first pair knows the scale; B was the identity until now.
        const double scale = s_y / s_squares;
        b_.set_identity(scale);
        for (std::size_t i = 0; i < n; ++i) b_s_[i] = scale * s_[i];
        scaled_ = true;
    }
    for (std::size_t i = 0; i < n; ++i) y_[i] -= b_s_[i];  // r
    const double r_s = dot(y_, s_), r_length = std::sqrt(dot(y_, y_));
    if (r_length <= rounding || std::abs(r_s) < kSkip * r_length * length) return;
    for (std::size_t i = 0; i < n; ++i) {
        b_.s()[i] = y_[i];
        b_.w()[i] = y_[i] / (2.0 * r_s);
    }
    b_.update();
}

void SR1::visit(Archive& archive) {
    Solver::visit(archive);
    archive(gradient_, p_, radius_, scaled_, restarted_, trials_, promise_);
    b_.visit(archive);
}

}  // namespace schuss

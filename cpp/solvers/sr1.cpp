#include "solvers/sr1.hpp"

#include <algorithm>
#include <cmath>

namespace schuss {
namespace {

// Nocedal and Wright 2006, equation 6.26: how near to a right angle s and y - B s may be.
constexpr double kSkip = 1e-8;

// Below this ratio the trial was so far off that its gradient says nothing of the region to come.
constexpr double kFar = 100.0;

}  // namespace

SR1::SR1(const Start& from, const Limits& limits)
    : RegionSolver(from, limits, {0.1, 0.5}), b_(n_), step_(n_, b_.padded(), bounds_ != nullptr) {
    for (auto* vector : {&gradient_, &s_, &y_, &b_s_, &b_direction_})
        vector->resize(static_cast<std::size_t>(b_.padded()));
}

void SR1::propose() {
    step_.start(gradient_, radius_, boxed());
    while (!step_.done()) {
        b_.multiply(step_.direction().data(), b_direction_.data());
        step_.tell(b_direction_.data());
    }
    try_step(step_.step());
}

double SR1::predict() {
    b_.multiply(s_.data(), b_s_.data());
    return -(work_.dot(gradient_, s_) + work_.dot(s_, b_s_) / 2.0);
}

void SR1::learn(double ratio, double gradient_length) {
    if (!(ratio > -kFar)) return;
    const auto n = static_cast<std::size_t>(n_);
    const double s_squares = work_.dot(s_, s_), y_length = std::sqrt(work_.dot(y_, y_));
    const double lengths = std::sqrt(work_.dot(gradient_, gradient_)) + gradient_length;
    const double rounding = kGradientNoise * run_.epsilon() * lengths;
    const double s_y = work_.dot(s_, y_);
    if (!scaled_ && s_y > 0.0 && y_length > rounding) {
        // The first pair knows the scale; B was the identity until now.
        const double scale = s_y / s_squares;
        b_.set_identity(scale);
        for (std::size_t i = 0; i < n; ++i) b_s_[i] = scale * s_[i];
        scaled_ = true;
    }
    std::vector<double>& r = b_s_;
    for (std::size_t i = 0; i < n; ++i) r[i] = y_[i] - b_s_[i];
    const double r_s = work_.dot(r, s_), r_length = std::sqrt(work_.dot(r, r));
    if (r_length <= rounding || std::abs(r_s) < kSkip * r_length * std::sqrt(s_squares)) return;
    for (std::size_t i = 0; i < n; ++i) {
        b_.s()[i] = r[i];
        b_.w()[i] = r[i] / (2.0 * r_s);
    }
    b_.update(1);
}

// B = scale I puts the minimum of the first model on the boundary.
void SR1::begin() {
    const double gradient = std::sqrt(sizes_at_x(g_->data()).squares);
    radius_ = fair_length(gradient);
    b_.set_identity(gradient / radius_);
    scaled_ = false;
}

void SR1::arrive() {
    if (run_.iterations == 0) begin();
    if (ending_.progressed()) restarted_ = false;
    propose();
}

// As in Descent: what B has learned may be what fails; once without it, then that is the end.
void SR1::give_up() {
    if (restarted_) return conclude(promise_);
    restarted_ = true;
    ending_.wait_again();
    begin();
    trials_ = 0;
    propose();
}

void SR1::visit(Archive& archive) {
    RegionSolver::visit(archive);
    archive(scaled_, restarted_);
    b_.visit(archive);
}

}  // namespace schuss

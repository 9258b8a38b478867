#include "solvers/box_step.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace schuss {
namespace {

// The part of what the slope promises by which q has to fall; how much shorter a Cauchy step that
// does not becomes, and how often.
constexpr double kFall = 0.01, kShorter = 0.1;
constexpr int kMostShorter = 20, kMostRounds = 10;
constexpr double kTouch = 1e-12;  // of a way to a bound, as what counts as there
constexpr double kEnough = 0.1;   // of the slope, as what rounds may leave of it

}  // namespace

BoxStep::BoxStep(std::int64_t n, std::int64_t room) : n_(n), held_(static_cast<std::size_t>(n)) {
    for (auto* vector : {&s_, &h_s_, &z_, &direction_, &p_, &face_gradient_})
        vector->resize(static_cast<std::size_t>(room));
}

void BoxStep::ask(Phase phase, Wants wants) {
    phase_ = phase;
    wants_ = wants;
}

double BoxStep::dot(const std::vector<double>& a, const double* b) const {
    double sum = 0.0;
    for (std::int64_t i = 0; i < n_; ++i) sum += a[static_cast<std::size_t>(i)] * b[i];
    return sum;
}

double BoxStep::slope(const std::vector<double>& p) const {
    return dot(p, at_.g) + dot(p, h_s_.data());
}

// s_i = P(x + step) - x, rounded outwards at bounds.
void BoxStep::place(std::vector<double>& s, std::int64_t i, double step) const {
    const double room = (step < 0.0 ? at_.lower[i] : at_.upper[i]) - at_.x[i];
    const double far = std::copysign(std::numeric_limits<double>::infinity(), step);
    double& si = s[static_cast<std::size_t>(i)];
    if (std::abs(step) * (1.0 + kTouch) < std::abs(room))
        si = step;
    else
        si = room == 0.0 ? 0.0 : std::nextafter(room, far);
}

bool BoxStep::hold_at_bounds(const Boxed& at, double flat) {
    at_ = at;
    free_ = 0;
    bool doubtful = false;
    for (std::int64_t k = 0; k < n_; ++k) {
        const bool inside = at.lower[k] < at.x[k] && at.x[k] < at.upper[k];
        const bool is_flat = !inside && at.lower[k] < at.upper[k] && std::abs(at.g[k]) <= flat;
        held_[static_cast<std::size_t>(k)] = !inside && !is_flat;
        free_ += inside || is_flat;
        doubtful = doubtful || is_flat;
    }
    return doubtful;
}

// Variables that lie at the bound beyond which -g leads, and fixed ones, are held.
void BoxStep::start(const Boxed& at, double radius) {
    at_ = at;
    radius_ = face_radius_ = radius;
    rounds_ = 0;
    q_ = 0.0;
    interior_ = false;
    free_ = 0;
    double squares = 0.0;
    for (std::int64_t k = 0; k < n_; ++k) {
        const auto i = static_cast<std::size_t>(k);
        const double x = at.x[k], g = at.g[k], lower = at.lower[k], upper = at.upper[k];
        held_[i] = lower == upper || (x <= lower && g > 0.0) || (x >= upper && g < 0.0);
        free_ += !held_[i];
        s_[i] = h_s_[i] = 0.0;
        face_gradient_[i] = held_[i] ? 0.0 : g;
        squares += face_gradient_[i] * face_gradient_[i];
    }
    enough_ = kEnough * std::sqrt(squares);
    if (squares == 0.0) return finish();
    ask(Phase::kFace, Wants::kFaceStep);
}

void BoxStep::tell_face_step(const std::vector<double>& p, double predicted, bool interior) {
    face_interior_ = interior;
    if (phase_ == Phase::kFace) {
        if (take_inside(at_, p, predicted)) {
            interior_ = interior;
            return;
        }
        std::copy_n(p.begin(), n_, p_.begin());
        by_ = 1.0;
        return ask_for_trial(Phase::kProjected);
    }
    by_ = to_bound_ = 1.0;
    for (std::int64_t k = 0; k < n_; ++k) {
        const auto i = static_cast<std::size_t>(k);
        p_[i] = held_[i] ? 0.0 : p[i] - s_[i];
        const double bound = p_[i] < 0.0 ? at_.lower[k] : at_.upper[k];
        if (p_[i] != 0.0) to_bound_ = std::min(to_bound_, (bound - at_.x[k] - s_[i]) / p_[i]);
    }
    if (!(slope(p_) < 0.0)) return finish();
    ask_for_trial(Phase::kRound);
}

bool BoxStep::take_inside(const Boxed& at, const std::vector<double>& p, double predicted) {
    for (std::int64_t k = 0; k < n_; ++k) {
        const double to = at.x[k] + p[static_cast<std::size_t>(k)];
        if (!(at.lower[k] <= to && to <= at.upper[k])) return false;
    }
    at_ = at;
    std::copy_n(p.begin(), n_, s_.begin());
    q_ = -predicted;
    finish();
    return true;
}

// P(x + s + by p) - x
void BoxStep::ask_for_trial(Phase phase) {
    for (std::int64_t k = 0; k < n_; ++k) {
        const auto i = static_cast<std::size_t>(k);
        if (held_[i])
            direction_[i] = s_[i];
        else
            place(direction_, k, s_[i] + by_ * p_[i]);
    }
    ask(phase, Wants::kProduct);
}

double BoxStep::trial_value(const double* product) const {
    return dot(direction_, at_.g) + dot(direction_, product) / 2.0;
}

void BoxStep::adopt(double value, const double* product) {
    q_ = value;
    std::copy_n(direction_.begin(), n_, s_.begin());
    std::copy_n(product, n_, h_s_.begin());
}

void BoxStep::try_cauchy() {
    for (std::int64_t k = 0; k < n_; ++k) {
        const auto i = static_cast<std::size_t>(k);
        place(direction_, k, -by_ * face_gradient_[i]);
    }
    ask(Phase::kCauchy, Wants::kProduct);
}

void BoxStep::tell_product(const double* product) {
    switch (phase_) {
        case Phase::kProjected:
            if (const double value = trial_value(product); value < 0.0) {
                adopt(value, product);
                interior_ = face_interior_;
            }
            for (std::size_t i = 0; i < held_.size(); ++i) direction_[i] = -face_gradient_[i];
            return ask(Phase::kCurvature, Wants::kProduct);
        case Phase::kCurvature: {
            const double squares = dot(direction_, direction_.data());
            const double curvature = dot(direction_, product);
            by_ = radius_ / std::sqrt(squares);
            if (curvature > 0.0) by_ = std::min(by_, squares / curvature);
            shorter_ = 0;
            return try_cauchy();
        }
        case Phase::kCauchy: {
            const double value = trial_value(product);
            if (value <= kFall * dot(direction_, at_.g)) {
                if (value < q_) {
                    adopt(value, product);
                    interior_ = false;
                }
                return next_round();
            }
            by_ *= kShorter;
            if (++shorter_ < kMostShorter) return try_cauchy();
            return next_round();
        }
        case Phase::kHeld: {
            bool flat = true;
            for (std::int64_t k = 0; k < n_; ++k) {
                const auto i = static_cast<std::size_t>(k);
                face_gradient_[i] = held_[i] ? 0.0 : at_.g[k] + product[k];
                flat = flat && face_gradient_[i] == 0.0;
            }
            if (flat) return finish();
            return ask(Phase::kRoundFace, Wants::kFaceStep);
        }
        default: {
            const double value = trial_value(product);
            double fall = 0.0;
            for (std::int64_t k = 0; k < n_; ++k) {
                const auto i = static_cast<std::size_t>(k);
                fall += (at_.g[k] + h_s_[i]) * (direction_[i] - s_[i]);
            }
            if (value <= q_ + kFall * fall && value < q_) {
                adopt(value, product);
                interior_ = face_interior_ && by_ == 1.0;
                ++rounds_;
                return next_round();
            }
            // Towards the least q of the face it falls, up to the first bound at least.
            if (by_ <= to_bound_) return finish();
            by_ = std::max(by_ / 2.0, to_bound_);
            return ask_for_trial(Phase::kRound);
        }
    }
}

void BoxStep::next_round() {
    const std::int64_t before = free_;
    double left = 0.0, squares = 0.0;
    free_ = 0;
    for (std::int64_t k = 0; k < n_; ++k) {
        const auto i = static_cast<std::size_t>(k);
        const double to = at_.x[k] + s_[i];
        held_[i] = !(at_.lower[k] < to && to < at_.upper[k]);
        free_ += !held_[i];
        direction_[i] = held_[i] ? s_[i] : 0.0;
        squares += direction_[i] * direction_[i];
        const double rest = held_[i] ? 0.0 : at_.g[k] + h_s_[i];
        left += rest * rest;
    }
    const double room = radius_ * radius_ - squares;
    if (free_ == 0 || rounds_ == kMostRounds || (rounds_ > 0 && free_ == before) ||
        std::sqrt(left) <= enough_ || !(room > 0.0))
        return finish();
    face_radius_ = std::sqrt(room);
    ask(Phase::kHeld, Wants::kProduct);
}

void BoxStep::finish() {
    for (std::int64_t k = 0; k < n_; ++k) {
        const auto i = static_cast<std::size_t>(k);
        z_[i] = std::clamp(at_.x[k] + s_[i], at_.lower[k], at_.upper[k]);
    }
    wants_ = Wants::kNothing;
}

bool BoxStep::leave(const Boxed& at, const std::vector<double>& p, double curvature,
                    double radius) {
    at_ = at;
    const double along = dot(p, at.g), length = std::sqrt(dot(p, p.data()));
    double best = 0.0, reached = 0.0;
    for (const double side : {std::copysign(1.0, -along), std::copysign(1.0, along)}) {
        double room = radius / length;
        for (std::int64_t k = 0; k < n_; ++k) {
            const double pi = side * p[static_cast<std::size_t>(k)];
            if (pi < 0.0) room = std::min(room, (at.lower[k] - at.x[k]) / pi);
            if (pi > 0.0) room = std::min(room, (at.upper[k] - at.x[k]) / pi);
        }
        const double far = room * length;
        const double promise = -side * room * along - far * far * curvature / 2.0;
        if (promise > best) {
            best = promise;
            reached = side * room;
        }
    }
    for (std::int64_t k = 0; k < n_; ++k) place(s_, k, reached * p[static_cast<std::size_t>(k)]);
    q_ = -best;
    interior_ = false;
    finish();
    return best > 0.0;
}

void BoxStep::visit(Archive& archive) {
    archive(radius_, phase_, wants_, s_, h_s_, z_, direction_, p_, face_gradient_, held_, free_, q_,
            face_radius_, enough_, by_, to_bound_, shorter_, rounds_, interior_, face_interior_);
    Archive::require(held_.size() == static_cast<std::size_t>(n_));
    for (const auto* vector : {&s_, &h_s_, &z_, &direction_, &p_, &face_gradient_})
        Archive::require(vector->size() >= held_.size());
}

}  // namespace schuss

#include "steps/box_step.hpp"

#include <algorithm>
#include <cmath>

namespace schuss {
namespace {

// The part of what the slope promises by which q has to fall; how much shorter a Cauchy step that
// does not becomes, and how often.
constexpr double kFall = 0.01, kShorter = 0.1;
constexpr int kMostShorter = 20, kMostRounds = 10;
constexpr double kTouch = 1e-12;  // of a way to a bound, as what counts as there
constexpr double kEnough = 0.1;   // of the slope, as what rounds may leave of it

}  // namespace

BoxStep::BoxStep(std::int64_t n, std::int64_t room) : n_(static_cast<std::size_t>(n)), held_(n_) {
    for (auto* vector : {&s_, &h_s_, &z_, &direction_, &p_, &face_gradient_})
        vector->resize(static_cast<std::size_t>(room));
}

void BoxStep::ask(Phase phase, Wants wants) {
    phase_ = phase;
    wants_ = wants;
}

double BoxStep::dot(const std::vector<double>& a, const double* b) const {
    double sum = 0.0;
    for (std::size_t i = 0; i < n_; ++i) sum += a[i] * b[i];
    return sum;
}

double BoxStep::slope(const std::vector<double>& p) const {
    return dot(p, at_.g) + dot(p, h_s_.data());
}

// s_i = P(x + step) - x, rounded outwards at bounds.
void BoxStep::place(std::vector<double>& s, std::size_t i, double step) const {
    const double room = (step < 0.0 ? at_.lower[i] : at_.upper[i]) - at_.x[i];
    const double far = std::copysign(INFINITY, step);
    if (std::abs(step) * (1.0 + kTouch) < std::abs(room))
        s[i] = step;
    else
        s[i] = room == 0.0 ? 0.0 : std::nextafter(room, far);
}

bool BoxStep::hold_at_bounds(const Boxed& at, double flat) {
    at_ = at;
    free_ = 0;
    bool doubtful = false;
    for (std::size_t i = 0; i < n_; ++i) {
        const bool inside = at.lower[i] < at.x[i] && at.x[i] < at.upper[i];
        const bool is_flat = !inside && at.lower[i] < at.upper[i] && std::abs(at.g[i]) <= flat;
        held_[i] = !inside && !is_flat;
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
    for (std::size_t i = 0; i < n_; ++i) {
        const double x = at.x[i], g = at.g[i], lower = at.lower[i], upper = at.upper[i];
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
    for (std::size_t i = 0; i < n_; ++i) {
        p_[i] = held_[i] ? 0.0 : p[i] - s_[i];
        const double bound = p_[i] < 0.0 ? at_.lower[i] : at_.upper[i];
        if (p_[i] != 0.0) to_bound_ = std::min(to_bound_, (bound - at_.x[i] - s_[i]) / p_[i]);
    }
    if (!(slope(p_) < 0.0)) return finish();
    ask_for_trial(Phase::kRound);
}

bool BoxStep::take_inside(const Boxed& at, const std::vector<double>& p, double predicted) {
    for (std::size_t i = 0; i < n_; ++i) {
        const double to = at.x[i] + p[i];
        if (!(at.lower[i] <= to && to <= at.upper[i])) return false;
    }
    at_ = at;
    std::copy_n(p.begin(), n_, s_.begin());
    q_ = -predicted;
    finish();
    return true;
}

// P(x + s + by p) - x
void BoxStep::ask_for_trial(Phase phase) {
    for (std::size_t i = 0; i < n_; ++i)
        if (held_[i])
            direction_[i] = s_[i];
        else
            place(direction_, i, s_[i] + by_ * p_[i]);
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
    for (std::size_t i = 0; i < n_; ++i) place(direction_, i, -by_ * face_gradient_[i]);
    ask(Phase::kCauchy, Wants::kProduct);
}

void BoxStep::tell_product(const double* product) {
    switch (phase_) {
        case Phase::kProjected:
            if (const double value = trial_value(product); value < 0.0) {
                adopt(value, product);
                interior_ = face_interior_;
            }
            for (std::size_t i = 0; i < n_; ++i) direction_[i] = -face_gradient_[i];
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
            for (std::size_t i = 0; i < n_; ++i) {
                face_gradient_[i] = held_[i] ? 0.0 : at_.g[i] + product[i];
                flat = flat && face_gradient_[i] == 0.0;
            }
            if (flat) return finish();
            return ask(Phase::kRoundFace, Wants::kFaceStep);
        }
        default: {
            const double value = trial_value(product);
            double fall = 0.0;
            for (std::size_t i = 0; i < n_; ++i)
                fall += (at_.g[i] + h_s_[i]) * (direction_[i] - s_[i]);
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
    for (std::size_t i = 0; i < n_; ++i) {
        const double to = at_.x[i] + s_[i];
        held_[i] = !(at_.lower[i] < to && to < at_.upper[i]);
        free_ += !held_[i];
        direction_[i] = held_[i] ? s_[i] : 0.0;
        squares += direction_[i] * direction_[i];
        const double rest = held_[i] ? 0.0 : at_.g[i] + h_s_[i];
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
    for (std::size_t i = 0; i < n_; ++i)
        z_[i] = std::clamp(at_.x[i] + s_[i], at_.lower[i], at_.upper[i]);
    wants_ = Wants::kNothing;
}

bool BoxStep::leave_saddle(const Boxed& at, const std::vector<double>& p, double curvature,
                           double radius) {
    at_ = at;
    const double along = dot(p, at.g), length = std::sqrt(dot(p, p.data()));
    double best = 0.0, reached = 0.0;
    for (const double side : {std::copysign(1.0, -along), std::copysign(1.0, along)}) {
        double room = radius / length;
        for (std::size_t i = 0; i < n_; ++i) {
            const double pi = side * p[i];
            if (pi < 0.0) room = std::min(room, (at.lower[i] - at.x[i]) / pi);
            if (pi > 0.0) room = std::min(room, (at.upper[i] - at.x[i]) / pi);
        }
        const double far = room * length;
        const double promise = -side * room * along - far * far * curvature / 2.0;
        if (promise > best) {
            best = promise;
            reached = side * room;
        }
    }
    for (std::size_t i = 0; i < n_; ++i) place(s_, i, reached * p[i]);
    q_ = -best;
    interior_ = false;
    finish();
    return best > 0.0;
}

void BoxStep::visit(Archive& archive) {
    archive(radius_, phase_, wants_, s_, h_s_, z_, direction_, p_, face_gradient_, held_, free_, q_,
            face_radius_, enough_, by_, to_bound_, shorter_, rounds_, interior_, face_interior_);
    Archive::require(held_.size() == n_);
    for (const auto* vector : {&s_, &h_s_, &z_, &direction_, &p_, &face_gradient_})
        Archive::require(vector->size() >= n_);
}

}  // namespace schuss

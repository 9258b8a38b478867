#include "solvers/bfgs.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace schuss {
namespace {

// The pair before is used where its products with the last one differ by no more than this part of
// the curvatures' geometric mean, and where enough is left of it that H y = s stays exact.
constexpr double kAgreement = 0.5, kCancelled = 1e-3;
// And where the step was not too long: s.B s is at least this part of s.y.
constexpr double kLong = 0.9;

}  // namespace

DenseInverse::DenseInverse(std::int64_t n, const std::vector<double>& first)
    : n_(n), work_(n, kFloat64, kFloat64), h_(n), given_(!first.empty()) {
    for (auto* vector : {&g_, &d_, &s_, &y_, &u_, &v_, &p_, &q_})
        vector->resize(static_cast<std::size_t>(h_.padded()));
    if (given_) h_.set(first.data());
}

const Curvature::Place& DenseInverse::place() {
    s_ = d_;
    return pair_at(bytes(s_), bytes(y_));
}

void DenseInverse::learn(const Lesson& lesson) {
    learned_ = lesson.good;
    straight_ = lesson.straight;
    s_y_ = lesson.products[0];
    y_y_ = lesson.products[2];
    s_b_s_ = lesson.s_b_s;
    growth_ = updates_ < 2 * n_ && straight_ ? std::max(lesson.s_b_s / s_y_, 1.0) : 1.0;
    // y = keep (g_new - g) - damp g, H g_new = u, H g = -d.
    on_u_ = lesson.keep;
    on_d_ = lesson.keep + lesson.damp;
}

void DenseInverse::multiply(const std::vector<double>& v, std::vector<double>& out) {
    if (!empty_) return h_.multiply(v.data(), out.data());
    for (std::size_t i = 0; i < v.size(); ++i) out[i] = scale_ * v[i];
}

// Writes the first pair of the update, which goes from growth H to an H with H q = p, and changes
// v with it. Whether there is such a pair.
bool DenseInverse::keep_the_pair_before() {
    if (!before_ || !(s_b_s_ >= kLong * s_y_)) return false;
    const double p_y = work_.dot(p_, y_), q_s = work_.dot(q_, s_), p_q = work_.dot(p_, q_);
    if (std::abs(p_y - q_s) > kAgreement * std::sqrt(p_q) * std::sqrt(s_y_)) return false;
    const double on_s = p_y / s_y_, on_y = q_s / s_y_;
    double *p = h_.s(0), *w = h_.w(0);  // p and q conjugate, and w = growth H q
    for (std::size_t i = 0; i < p_.size(); ++i) {
        w[i] = growth_ * p_[i] - on_y * v_[i];
        q_[i] -= on_y * y_[i];
        p[i] = p_[i] -= on_s * s_[i];
    }
    const double left = work_.dot(p_, q_);
    if (!(left > kCancelled * p_q)) return false;
    const double rho = 1.0 / left;
    const double q_w = work_.dot(q_.data(), w);
    const double on_p = rho * (1.0 + rho * q_w) / 2.0;
    for (std::size_t i = 0; i < p_.size(); ++i) w[i] = on_p * p[i] - rho * w[i];
    const double w_y = work_.dot(y_.data(), w);
    const double p_rest = work_.dot(p_, y_);  // 0 but for rounding, which w may make large
    for (std::size_t i = 0; i < v_.size(); ++i) v_[i] += w_y * p[i] + p_rest * w[i];
    return true;
}

const Curvature::Terms& DenseInverse::direction(const FreeGradient& gradient) {
    const auto n = static_cast<std::size_t>(n_);
    gradient.copy(g_.data());
    if (learned_ && empty_) {
        // The first pair knows the scale, Nocedal and Wright 2006, equation 6.20.
        scale_ = std::max(scale_, s_y_ / y_y_);
        h_.set_identity(scale_);
        growth_ = 1.0;
        empty_ = false;
        for (std::size_t i = 0; i < n; ++i) v_[i] = scale_ * y_[i];
        multiply(g_, u_);
    } else {
        multiply(g_, u_);
        if (learned_ && straight_) {
            for (std::size_t i = 0; i < n; ++i) v_[i] = growth_ * (on_u_ * u_[i] + on_d_ * d_[i]);
        } else if (learned_) {
            multiply(y_, v_);
            for (std::size_t i = 0; i < n; ++i) v_[i] *= growth_;
        }
    }
    terms_ = {0.0, {bytes(u_)}, {-1.0}};
    if (!learned_) return terms_;
    learned_ = false;
    ++updates_;
    const int last = keep_the_pair_before() ? 1 : 0;
    const double rho = 1.0 / s_y_;
    const double on_s = rho * (1.0 + rho * work_.dot(y_, v_)) / 2.0;
    double *s = h_.s(last), *w = h_.w(last);
    for (std::size_t i = 0; i < n; ++i) {
        s[i] = s_[i];
        w[i] = on_s * s_[i] - rho * v_[i];
    }
    h_.update(last + 1, growth_);
    terms_.on_rows[0] = -growth_;
    for (int k = 0; k <= last; ++k)
        for (const auto& [row, other] : {std::pair(h_.s(k), h_.w(k)), {h_.w(k), h_.s(k)}}) {
            terms_.rows.push_back(reinterpret_cast<const char*>(row));
            terms_.on_rows.push_back(-work_.dot(other, g_.data()));
        }
    std::swap(p_, s_);
    std::swap(q_, y_);
    before_ = true;
    return terms_;
}

// What was given is kept, once: the start of a run forgets too.
void DenseInverse::forget(double scale) {
    scale_ = scale;
    empty_ = !given_;
    given_ = false;
    learned_ = false;
    before_ = false;
    updates_ = 0;
}

Elements DenseInverse::matrix() const {
    return [this](std::int64_t i, std::int64_t j) {
        return empty_ ? (i == j ? scale_ : 0.0) : h_.at(i, j);
    };
}

void DenseInverse::visit(Archive& archive) {
    archive(g_, d_, s_, y_, u_, v_, p_, q_, scale_, s_y_, y_y_, s_b_s_, on_u_, on_d_, growth_,
            updates_, empty_, learned_, given_, before_);
    h_.visit(archive);
}

}  // namespace schuss

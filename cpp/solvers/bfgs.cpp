#include "solvers/bfgs.hpp"

#include <algorithm>

namespace schuss {
namespace {

char* bytes(std::vector<double>& values) { return reinterpret_cast<char*>(values.data()); }

}  // namespace

DenseInverse::DenseInverse(std::int64_t n, DType iterates, const std::vector<double>& first)
    : n_(n), iterates_(iterates), work_(n, kFloat64, kFloat64), h_(n), given_(!first.empty()) {
    for (auto* vector : {&g_, &d_, &s_, &y_, &u_, &v_})
        vector->resize(static_cast<std::size_t>(h_.padded()));
    if (given_) h_.set(first.data());
}

const Curvature::Place& DenseInverse::place() {
    s_ = d_;
    return place_ = {bytes(s_), bytes(y_), {bytes(s_), bytes(y_)}, 0, 1};
}

void DenseInverse::learn(const Lesson& lesson) {
    learned_ = lesson.good;
    s_y_ = lesson.products[0];
    y_y_ = lesson.products[2];
    growth_ = updates_ < 2 * n_ ? std::max(lesson.s_b_s / s_y_, 1.0) : 1.0;
    // y = keep (g_new - g) - damp g, H g_new = u, H g = -d.
    on_u_ = lesson.keep;
    on_d_ = lesson.keep + lesson.damp;
}

void DenseInverse::multiply(const std::vector<double>& v, std::vector<double>& out) {
    if (!empty_) return h_.multiply(v.data(), out.data());
    for (std::size_t i = 0; i < v.size(); ++i) out[i] = scale_ * v[i];
}

const Curvature::Terms& DenseInverse::direction(const char* gradient) {
    const auto n = static_cast<std::size_t>(n_);
    copy_as_doubles(iterates_, gradient, n_, g_.data());
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
        if (learned_)
            for (std::size_t i = 0; i < n; ++i) v_[i] = growth_ * (on_u_ * u_[i] + on_d_ * d_[i]);
    }
    if (!learned_) return terms_ = {0.0, {bytes(u_)}, {-1.0}};
    learned_ = false;
    ++updates_;
    const double rho = 1.0 / s_y_;
    const double y_v = work_.probe({bytes(y_), bytes(v_)}).along;
    const double on_s = rho * (1.0 + rho * y_v) / 2.0;
    double *s = h_.s(), *w = h_.w();
    for (std::size_t i = 0; i < n; ++i) {
        s[i] = s_[i];
        w[i] = on_s * s_[i] - rho * v_[i];
    }
    h_.update(growth_);
    const double s_g = work_.probe({bytes(s_), bytes(g_)}).along;
    const double w_g = work_.probe({reinterpret_cast<const char*>(w), bytes(g_)}).along;
    return terms_ = {
               0.0,
               {bytes(u_), reinterpret_cast<const char*>(s), reinterpret_cast<const char*>(w)},
               {-growth_, -w_g, -s_g}};
}

// What was given is kept, once: the start of a run forgets too.
void DenseInverse::forget(double scale) {
    scale_ = scale;
    empty_ = !given_;
    given_ = false;
    learned_ = false;
    updates_ = 0;
}

double DenseInverse::at(std::int64_t i, std::int64_t j) const {
    return empty_ ? (i == j ? scale_ : 0.0) : h_.at(i, j);
}

void DenseInverse::visit(Archive& archive) {
    archive(g_, d_, s_, y_, u_, v_, scale_, s_y_, y_y_, on_u_, on_d_, growth_, updates_, empty_,
            learned_, given_);
    h_.visit(archive);
}

}  // namespace schuss

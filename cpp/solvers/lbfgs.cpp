#include "solvers/lbfgs.hpp"

#include <algorithm>

namespace schuss {

PairHistory::PairHistory(std::int64_t n, DType dtype, int m, bool keeps)
    : n_(n),
      dtype_(dtype),
      m_(m),
      slots_(keeps ? m + 1 : m),
      rows_({n * size_of(dtype)}, 2 * slots_) {
    const auto slots = static_cast<std::size_t>(slots_);
    order_.reserve(slots);
    s_y_.resize(slots * slots);
    y_y_.resize(slots * slots);
    s_g_.resize(slots);
    y_g_.resize(slots);
}

const Curvature::Place& PairHistory::place() {
    Place& place = place_;
    place.s = s_row(target_);
    place.y = y_row(target_);
    place.rows.clear();
    for (const int slot : order_) place.rows.push_back(s_row(slot));
    place.s_row = place.rows.size();
    place.rows.push_back(place.s);
    for (const int slot : order_) place.rows.push_back(y_row(slot));
    place.y_row = place.rows.size();
    place.rows.push_back(place.y);
    return place;
}

void PairHistory::learn(const Lesson& lesson) {
    const std::size_t pairs = order_.size() + 1;
    order_.push_back(target_);
    for (std::size_t k = 0; k < pairs; ++k) {
        const int slot = order_[k];
        const auto index = static_cast<std::size_t>(slot);
        const double* of_s = &lesson.products[2 * k];
        const double* of_y = &lesson.products[2 * (pairs + k)];
        s_y(slot, target_) = of_s[0];
        y_y(slot, target_) = y_y(target_, slot) = of_y[0];
        s_g_[index] = of_s[1];
        y_g_[index] = of_y[1];
    }
    if (lesson.good)
        gamma_ = s_y(target_, target_) / y_y(target_, target_);
    else
        order_.pop_back();
}

const Curvature::Terms& PairHistory::direction(const FreeGradient&) {
    const std::size_t pairs = order_.size();
    std::vector<double>&p = p_, &c = c_;
    p.resize(pairs);
    c.resize(pairs);
    for (std::size_t i = pairs; i-- > 0;) {
        double sum = s_g_[static_cast<std::size_t>(order_[i])];
        for (std::size_t j = i + 1; j < pairs; ++j) sum -= s_y(order_[i], order_[j]) * p[j];
        p[i] = sum / s_y(order_[i], order_[i]);
    }
    for (std::size_t i = 0; i < pairs; ++i) {
        double y_rest = y_g_[static_cast<std::size_t>(order_[i])];
        for (std::size_t j = 0; j < pairs; ++j) y_rest -= y_y(order_[i], order_[j]) * p[j];
        double sum = gamma_ * y_rest;
        for (std::size_t j = 0; j < i; ++j) sum += s_y(order_[j], order_[i]) * c[j];
        c[i] = p[i] - sum / s_y(order_[i], order_[i]);
    }
    Terms& terms = terms_;
    terms.on_gradient = -gamma_;
    terms.rows.clear();
    terms.on_rows.clear();
    for (std::size_t i = 0; i < pairs; ++i) {
        terms.rows.push_back(s_row(order_[i]));
        terms.on_rows.push_back(-c[i]);
    }
    for (std::size_t i = 0; i < pairs; ++i) {
        terms.rows.push_back(y_row(order_[i]));
        terms.on_rows.push_back(gamma_ * p[i]);
    }
    // The next pair goes into a free slot, or into that of the oldest, which this direction still
    // uses: it is read, a block at a time, before it is written.
    if (static_cast<int>(pairs) == slots_) {
        target_ = order_.front();
    } else {
        target_ = 0;
        while (std::find(order_.begin(), order_.end(), target_) != order_.end()) ++target_;
    }
    if (static_cast<int>(pairs) == m_) order_.erase(order_.begin());
    return terms;
}

void PairHistory::forget(double scale) {
    order_.clear();
    gamma_ = scale;
}

std::optional<Solver::Pairs> PairHistory::pairs() const {
    Solver::Pairs result{dtype_, {}, {}};
    for (const int slot : order_) {
        result.s.push_back(s_row(slot));
        result.y.push_back(y_row(slot));
    }
    return result;
}

void PairHistory::visit(Archive& archive) {
    archive(order_, target_, s_y_, y_y_, s_g_, y_g_, gamma_);
    const auto slots = static_cast<std::size_t>(slots_);
    Archive::require(s_g_.size() == slots && s_y_.size() == slots * slots);
    const auto rows_of = [&](int slot) {
        Archive::require(slot >= 0 && slot < slots_);
        const auto bytes = static_cast<std::size_t>(n_ * size_of(dtype_));
        archive.raw(s_row(slot), bytes);
        archive.raw(y_row(slot), bytes);
    };
    for (const int slot : order_) rows_of(slot);
    rows_of(target_);
}

}  // namespace schuss

#include "steps/steihaug.hpp"

#include <algorithm>
#include <cmath>

namespace schuss {

Steihaug::Steihaug(std::int64_t n, std::int64_t room) : n_(n), work_(n, kFloat64, kFloat64) {
    for (auto* vector : {&p_, &direction_, &residual_, &next_})
        vector->resize(static_cast<std::size_t>(room));
}

void Steihaug::start(const std::vector<double>& g, double radius, std::int64_t most_products,
                     double enough) {
    const auto n = static_cast<std::size_t>(n_);
    radius_ = radius;
    squares_ = work_.dot(g, g);
    const double norm = std::sqrt(squares_);
    enough_ = norm * std::min(enough, std::sqrt(norm));  // which makes it superlinear
    for (std::size_t i = 0; i < n; ++i) {
        p_[i] = 0.0;
        residual_[i] = g[i];
        direction_[i] = -g[i];
    }
    predicted_ = 0.0;
    least_ = INFINITY;
    most_ = -INFINITY;
    products_left_ = most_products;
    done_ = false;
}

void Steihaug::tell(const double* b_direction) {
    const auto n = static_cast<std::size_t>(n_);
    const double curvature = work_.dot(direction_.data(), b_direction);
    const double size = work_.dot(direction_, direction_);
    least_ = std::min(least_, curvature / size);
    most_ = std::max(most_, curvature / size);
    double step = squares_ / curvature;
    for (std::size_t i = 0; i < n; ++i) next_[i] = p_[i] + step * direction_[i];
    const double reach = std::sqrt(work_.dot(next_, next_));
    if (!(curvature > 0.0) || !(reach < radius_)) {
        // To the boundary: p and the direction never part, so that their product is >= 0.
        const double b = work_.dot(p_, direction_), c = work_.dot(p_, p_) - radius_ * radius_;
        step = -c / (b + std::sqrt(b * b - size * c));
        for (std::size_t i = 0; i < n; ++i) p_[i] += step * direction_[i];
        done_ = true;
    } else {
        p_.swap(next_);
    }
    predicted_ += step * (squares_ - step * curvature / 2.0);
    if (done_) return;
    for (std::size_t i = 0; i < n; ++i) residual_[i] += step * b_direction[i];
    const double before = squares_;
    squares_ = work_.dot(residual_, residual_);
    done_ = std::sqrt(squares_) <= enough_ || --products_left_ == 0;
    for (std::size_t i = 0; i < n; ++i)
        direction_[i] = squares_ / before * direction_[i] - residual_[i];
}

void Steihaug::visit(Archive& archive) {
    archive(p_, direction_, residual_, radius_, squares_, enough_, predicted_, least_, most_,
            products_left_, done_);
    const auto n = static_cast<std::size_t>(n_);
    Archive::require(std::min({p_.size(), direction_.size(), residual_.size()}) >= n);
}

}  // namespace schuss

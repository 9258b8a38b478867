#include "solvers/projected_step.hpp"

#include <algorithm>
#include <cmath>

namespace schuss {

ProjectedStep::ProjectedStep(std::int64_t n)
    : box_(n, n), block_(n), held_(static_cast<std::size_t>(n)) {
    for (auto* vector : {&p_, &product_, &face_g_, &face_p_}) vector->resize(held_.size());
}

Quadratic& ProjectedStep::face(Quadratic& model, const std::vector<char>& held) {
    if (std::find(held.begin(), held.end(), 1) == held.end()) return model;
    block_.adopt(model, held);
    return block_;
}

Quadratic::Step ProjectedStep::face_step(Quadratic& model, const std::vector<double>& g,
                                         double radius, const std::vector<char>& held) {
    Quadratic& part = face(model, held);
    std::size_t free = 0;
    for (std::size_t i = 0; i < held.size(); ++i)
        if (!held[i]) face_g_[free++] = g[i];
    const Quadratic::Step step = part.within(face_g_, radius, face_p_);
    curvature_ = part.curvature();
    shift_ = part.shift();
    for (std::size_t i = held.size(); i-- > 0;) p_[i] = held[i] ? 0.0 : face_p_[--free];
    return step;
}

Quadratic::Step ProjectedStep::within(const Boxed& at, Quadratic& model, double radius) {
    box_.start(at, radius);
    while (box_.wants() != BoxStep::Wants::kNothing) {
        if (box_.wants() == BoxStep::Wants::kProduct) {
            model.multiply(box_.direction().data(), product_.data());
            box_.tell_product(product_.data());
        } else {
            const Quadratic::Step step =
                face_step(model, box_.face_gradient(), box_.face_radius(), box_.held());
            box_.tell_face_step(p_, step.predicted, step.interior);
        }
    }
    return {box_.predicted(), box_.interior()};
}

bool ProjectedStep::hold_at_bounds(const Boxed& at, double gtol) {
    bool doubtful = false;
    for (std::size_t i = 0; i < held_.size(); ++i) {
        const bool inside = at.lower[i] < at.x[i] && at.x[i] < at.upper[i];
        const bool flat = !inside && at.lower[i] < at.upper[i] && std::abs(at.g[i]) <= gtol;
        held_[i] = !inside && !flat;
        doubtful = doubtful || flat;
    }
    return doubtful;
}

bool ProjectedStep::certain(const Boxed& at, Quadratic& model, double gtol) {
    return !hold_at_bounds(at, gtol) || face(model, held_).definite();
}

std::optional<Quadratic::Step> ProjectedStep::leave(const Boxed& at, Quadratic& model,
                                                    double radius, double gtol) {
    constexpr double kNone = -1.0;  // no gradient is as small
    curvature_ = std::numeric_limits<double>::infinity();
    for (const double flat : {kNone, gtol}) {
        if (!hold_at_bounds(at, flat) && flat != kNone) continue;
        if (std::find(held_.begin(), held_.end(), 0) == held_.end()) continue;
        Quadratic& part = face(model, held_);
        const bool convex = part.convex();
        curvature_ = part.curvature();
        if (convex) continue;
        std::vector<double> g(at.g, at.g + held_.size());
        const Quadratic::Step step = face_step(model, g, radius, held_);
        if (box_.take_inside(at, p_, step.predicted)) return step;
        model.multiply(p_.data(), product_.data());
        double curvature = 0.0, squares = 0.0;
        for (std::size_t i = 0; i < held_.size(); ++i) {
            curvature += p_[i] * product_[i];
            squares += p_[i] * p_[i];
        }
        if (box_.leave(at, p_, curvature / squares, radius))
            return Quadratic::Step{box_.predicted(), false};
    }
    return {};
}

}  // namespace schuss

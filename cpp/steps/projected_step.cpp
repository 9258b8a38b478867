#include "steps/projected_step.hpp"

#include <algorithm>
#include <cmath>

namespace schuss {

ProjectedStep::ProjectedStep(std::int64_t n) : box_(n, n), block_(n) {
    for (auto* vector : {&p_, &product_, &face_g_, &face_p_})
        vector->resize(static_cast<std::size_t>(n));
}

Quadratic& ProjectedStep::face(Quadratic& model, const std::vector<char>& held) {
    if (std::find(held.begin(), held.end(), 1) == held.end()) return model;
    block_.adopt(model, held);
    return block_;
}

Quadratic::Step ProjectedStep::face_step(Quadratic& model, const double* g, double radius) {
    const std::vector<char>& held = box_.held();
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
                face_step(model, box_.face_gradient().data(), box_.face_radius());
            box_.tell_face_step(p_, step.predicted, step.interior);
        }
    }
    return {box_.predicted(), box_.interior()};
}

bool ProjectedStep::certain(const Boxed& at, Quadratic& model, double gtol) {
    return !box_.hold_at_bounds(at, gtol) || face(model, box_.held()).definite();
}

// Along p_ or -p_, without the variables at a bound that it would lead out. Where some may be, what
// is left of it may no longer curve down.
bool ProjectedStep::leave_saddle_along(const Boxed& at, Quadratic& model, double radius,
                                       bool at_bounds) {
    std::vector<double>& z = face_p_;
    for (const double side : {1.0, -1.0}) {
        double curvature = 0.0, squares = 0.0;
        for (std::size_t i = 0; i < p_.size(); ++i) {
            const double zi = side * p_[i];
            const bool out =
                (zi < 0.0 && at.x[i] <= at.lower[i]) || (zi > 0.0 && at.x[i] >= at.upper[i]);
            z[i] = out ? 0.0 : zi;
            squares += z[i] * z[i];
        }
        model.multiply(z.data(), product_.data());
        for (std::size_t i = 0; i < p_.size(); ++i) curvature += z[i] * product_[i];
        if (at_bounds && !(curvature < 0.0)) continue;
        if (box_.leave_saddle(at, z, curvature / squares, radius)) return true;
    }
    return false;
}

std::optional<Quadratic::Step> ProjectedStep::leave_saddle(const Boxed& at, Quadratic& model,
                                                           double radius, double gtol) {
    curvature_ = INFINITY;
    for (const double flat : {BoxStep::kNone, gtol}) {
        if (!box_.hold_at_bounds(at, flat) && flat != BoxStep::kNone) continue;
        if (box_.free() == 0) continue;
        Quadratic& part = face(model, box_.held());
        const bool convex = part.convex();
        curvature_ = part.curvature();
        if (convex) continue;
        const Quadratic::Step step = face_step(model, at.g, radius);
        if (box_.take_inside(at, p_, step.predicted)) return step;
        if (leave_saddle_along(at, model, radius, flat != BoxStep::kNone))
            return Quadratic::Step{box_.predicted(), false};
    }
    return {};
}

}  // namespace schuss

#include "solvers/projected_cg.hpp"

#include <limits>

namespace schuss {
namespace {

constexpr double kEnough = 0.1;  // of the gradient as what a step may leave of it

}  // namespace

ProjectedCG::ProjectedCG(std::int64_t n, std::int64_t room, bool bounded) : n_(n), cg_(n, room) {
    if (!bounded) return;
    box_.emplace(n, room);
    free_.resize(static_cast<std::size_t>(room));
}

void ProjectedCG::start(const std::vector<double>& g, double radius, const Boxed& at) {
    if (box_) {
        box_->start(at, radius);
        return go_on();
    }
    done_ = false;
    cg_.start(g, radius, 2 * n_, kEnough);
}

void ProjectedCG::look(const std::vector<double>& g, std::int64_t most_products) {
    done_ = false;
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    if (!box_) return cg_.start(g, kInfinity, most_products, 0.0);
    for (std::size_t i = 0; i < box_->held().size(); ++i) free_[i] = box_->held()[i] ? 0.0 : g[i];
    cg_.start(free_, kInfinity, most_products, 0.0);
}

void ProjectedCG::resume(const Boxed& at) { box_->resume(at); }

const std::vector<double>& ProjectedCG::direction() const {
    return judging() ? box_->direction() : cg_.direction();
}

void ProjectedCG::go_on() {
    done_ = box_->wants() == BoxStep::Wants::kNothing;
    if (box_->wants() == BoxStep::Wants::kFaceStep)
        cg_.start(box_->face_gradient(), box_->face_radius(), 2 * box_->free(), kEnough);
}

void ProjectedCG::tell(const double* product) {
    if (judging()) {
        box_->tell_product(product);
        return go_on();
    }
    if (!box_) {
        cg_.tell(product);
        done_ = cg_.done();
        return;
    }
    for (std::size_t i = 0; i < box_->held().size(); ++i)
        free_[i] = box_->held()[i] ? 0.0 : product[i];
    cg_.tell(free_.data());
    if (!cg_.done()) return;
    done_ = true;
    if (box_->wants() != BoxStep::Wants::kFaceStep) return;  // it was a look
    box_->tell_face_step(cg_.step(), cg_.predicted(), cg_.least() > 0.0);
    go_on();
}

void ProjectedCG::visit(Archive& archive) {
    cg_.visit(archive);
    archive(done_);
    if (box_) box_->visit(archive);
}

}  // namespace schuss

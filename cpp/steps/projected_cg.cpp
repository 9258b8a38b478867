#include "steps/projected_cg.hpp"

#include <cmath>

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
    if (!box_) return cg_.start(g, radius, 2 * n_, kEnough);
    box_->start(at, radius);
    start_face();
}

void ProjectedCG::look(const std::vector<double>& g, std::int64_t most_products) {
    if (!box_) return cg_.start(g, INFINITY, most_products, 0.0);
    for (std::size_t i = 0; i < box_->held().size(); ++i) free_[i] = box_->held()[i] ? 0.0 : g[i];
    cg_.start(free_, INFINITY, most_products, 0.0);
}

void ProjectedCG::resume(const Boxed& at) { box_->resume(at); }

const std::vector<double>& ProjectedCG::direction() const {
    return box_wants_product() ? box_->direction() : cg_.direction();
}

// Where the box step wants one.
void ProjectedCG::start_face() {
    if (box_->wants() == BoxStep::Wants::kFaceStep)
        cg_.start(box_->face_gradient(), box_->face_radius(), 2 * box_->free(), kEnough);
}

void ProjectedCG::tell(const double* product) {
    if (!box_) return cg_.tell(product);
    if (box_wants_product()) {
        box_->tell_product(product);
        return start_face();
    }
    for (std::size_t i = 0; i < box_->held().size(); ++i)
        free_[i] = box_->held()[i] ? 0.0 : product[i];
    cg_.tell(free_.data());
    if (!cg_.done() || box_->wants() != BoxStep::Wants::kFaceStep) return;  // or it was a look
    box_->tell_face_step(cg_.step(), cg_.predicted(), cg_.least() > 0.0);
    start_face();
}

void ProjectedCG::visit(Archive& archive) {
    cg_.visit(archive);
    bool is_done = done();
    archive(is_done);
    if (box_) box_->visit(archive);
}

}  // namespace schuss

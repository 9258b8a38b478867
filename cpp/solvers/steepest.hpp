// Steepest descent: d = -scale g, where the scale makes the step 1 expect the decrease that the
// last step did, to first order (Nocedal and Wright 2006, section 3.5).
#pragma once
#include <cmath>

#include "solvers/descent.hpp"

namespace schuss {

class Steepest final : public Curvature {
  public:
    Steepest(std::int64_t n, DType dtype) : y_(n, dtype, 0), d_(n, dtype, 1) {}

    const Place& place() override { return pair_at(d_.data(), y_.data()); }
    void learn(const Lesson& lesson) override {
        const double s_y = lesson.products[0], s_g_new = lesson.products[1];
        const double scale = (s_y - s_g_new) / lesson.gradient_squares;
        if (scale > 0.0 && std::isfinite(scale)) scale_ = scale;
    }
    const Terms& direction(const FreeGradient&) override { return terms_ = {-scale_, {}, {}}; }
    char* place_of_direction() override { return d_.data(); }
    void forget(double scale) override { scale_ = scale; }
    bool empty() const override { return true; }
    void visit(Archive& archive) override { archive(d_, scale_); }

  private:
    Vector y_, d_;
    double scale_ = 1.0;
};

}  // namespace schuss

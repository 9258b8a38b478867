// Newton's method with a line search: d = -(H + shift I)^-1 g, the shift large enough for a
// Cholesky factor. From a saddle it leaves along the most negative curvature.
#pragma once
#include <vector>

#include "solvers/descent.hpp"
#include "steps/quadratic.hpp"

namespace schuss {

class HessianCurvature final : public Curvature {
  public:
    explicit HessianCurvature(std::int64_t n);

    const Place& place() override;
    void learn(const Lesson&) override {}
    const Terms& direction(const FreeGradient&) override;
    char* place_of_direction() override { return bytes(d); }
    void forget(double scale) override;
    bool empty() const override { return !known; }
    Elements matrix() const override { return model.matrix(); }
    void visit(Archive& archive) override;

    Quadratic model;
    bool known = false;            // the model is that of the point
    std::vector<double> gradient;  // there, in double
    std::vector<double> d;         // the direction

  private:
    std::vector<double> s_, y_;
    double scale_ = 1.0;  // of the gradient, where the model is not known
};

class SearchNewton final : public Descent {
  public:
    SearchNewton(const Start& from, const Limits& limits)
        : SearchNewton(from, limits, new HessianCurvature(from.n)) {}

    SecondOrder second_order() const override;
    void visit(Archive& archive) override;

  protected:
    bool gradient_decides() const override { return false; }
    void receive_hessian(const Hessian& h) override;
    void receive(double value, const char* gradient) override;
    void aim() override;

  private:
    SearchNewton(const Start& from, const Limits& limits, HessianCurvature* own)
        : Descent(from, limits, kFloat64, {}, std::unique_ptr<Curvature>(own)), own_(*own) {}

    HessianCurvature& own_;
    std::int64_t told_at_ = -1;  // the iteration of the last Hessian
    double escape_ = 0.0;        // what step 1 should gain from a saddle; 0 where x_ is none
    bool minimum_ = false;
};

}  // namespace schuss

// Line-search methods: x <- x + a d with d = -H g. What H is, a Curvature knows.
//
// With bounds the projected two-metric method (Bertsekas 1982), anew at each point: a bound is
// active where the step -gamma g would reach it, gamma = s.y / y.y of the newest pair (the reach of
// the box). Active variables go to their bounds; H acts on the gradient of the others, and
// P(x - H g) - x is what is searched along. Pairs are those of the face: y is zero where s is.
#pragma once
#include <memory>
#include <vector>

#include "runtime/pace.hpp"
#include "steps/line_search.hpp"
#include "solvers/solver.hpp"

namespace schuss {

// The gradient at x, with zeros where a bound is active.
struct FreeGradient {
    const Vector &g, &x;
    const Bounds* bounds;  // null: none
    double reach;

    void copy(double* to) const;
};

// What a method knows of the inverse Hessian, from pairs s = x_new - x, y = g_new - g.
class Curvature {
  public:
    virtual ~Curvature() = default;

    // Where the next pair is written, and the rows whose products with y and g it needs, s and y
    // among them. s holds the direction until it is multiplied by the step.
    struct Place {
        char *s, *y;
        std::vector<const char*> rows;
        std::size_t s_row, y_row;
    };
    virtual const Place& place() = 0;

    // The products of the rows, two a row; whether the pair is good enough to be learned from; and
    // y = keep (g_new - g) - damp g.
    struct Lesson {
        const std::vector<double>& products;
        bool good;
        double keep, damp;
        double s_b_s;             // s.B s
        double gradient_squares;  // of g_new
        bool straight = true;     // s was along -H g: no bound bent it
    };
    virtual void learn(const Lesson& lesson) = 0;

    // d = on_gradient g + sum of on_rows[r] rows[r] = -H g, for the g of the last lesson.
    struct Terms {
        double on_gradient;
        std::vector<const char*> rows;
        std::vector<double> on_rows;
    };
    virtual const Terms& direction(const FreeGradient& gradient) = 0;
    virtual char* place_of_direction() = 0;  // after direction(): it may be one of the rows

    virtual void forget(double scale) = 0;  // H = scale I
    virtual bool empty() const = 0;         // nothing to forget

    // What it has to show, as of a Solver.
    virtual Elements matrix() const { return {}; }
    virtual std::optional<Solver::Pairs> pairs() const { return {}; }

    virtual void visit(Archive& archive) = 0;

  protected:
    // Of a method that needs no other rows than s and y.
    const Place& pair_at(char* s, char* y) { return place_ = {s, y, {s, y}, 0, 1}; }

    Place place_;  // what was returned last: small problems feel every allocation
    Terms terms_;
};

struct DescentSettings {
    LineSearch::Settings search;
    bool damping;  // Powell 1978
};

class Descent : public Solver {
  public:
    Descent(const Start& from, const Limits& limits, DType directions,
            const DescentSettings& settings, std::unique_ptr<Curvature> curvature);

    Elements matrix() const override { return curvature_->matrix(); }
    std::optional<Pairs> pairs() const override { return curvature_->pairs(); }
    void inherit(Solver& other) override;
    void recall(const Pairs& pairs) override;
    void visit(Archive& archive) override;

  protected:
    void start(const VectorWork::Sizes& sizes) override;
    void receive(double value, const char* gradient) override;
    virtual void aim();  // the first trial along a new direction from x_

    void take(double value, const char* gradient, const VectorWork::Sizes& sizes);
    void try_step(double step);
    void search_failed();

    LineSearch search_;
    double step_ = 1.0;  // trial_ = x_ + step_ d
    char* direction_ = nullptr;

  private:
    void learn(const char* gradient, const VectorWork::Sizes& sizes);
    void learn_products(char* before, const char* gradient, bool pair);
    double scale();
    void forget();
    bool teaches(double s_y, double y, double slopes) const;
    bool aim_along(const Curvature::Terms& terms);
    FreeGradient free_gradient() const { return {*g_, *x_, bounds_.get(), box_.reach}; }
    void look_back();
    void restart();

    DescentSettings settings_;
    std::unique_ptr<Curvature> curvature_;
    double gradient_squares_ = 0.0, direction_squares_ = 0.0;  // g.g at x_ and d.d
    double first_step_ = 1.0;      // along the next direction: the last one where it taught nothing
    double part_ = 0.0;            // of the way to a bound that the last direction led, at most
    bool learned_before_ = false;  // the curvature is that of an earlier run
    bool forced_ = false;          // the trial is taken whatever the conditions say
    bool restarted_ = false;       // since f or its gradient last became smaller
    double promise_ = 0.0;         // of the search that failed then
    Pace pace_;
};

}  // namespace schuss

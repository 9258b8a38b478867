// The second-order model at a point, q(p) = g.p + p.H p / 2, H dense and maybe indefinite, and the
// three steps that are made from it. Cholesky first: where H is positive definite and its step
// short enough, one factorization is all.
#pragma once
#include <cmath>
#include <vector>

#include "linalg/cholesky.hpp"
#include "runtime/memory.hpp"
#include "steps/archive.hpp"
#include "steps/hessian.hpp"

namespace schuss {

// How curvature is looked for where no factorization fails.
extern const Smallest kSmallest;

class Quadratic {
  public:
    // semidefinite: no H has negative curvature but by rounding. Steps then go along none in which
    // it is nearly zero, even where that is nearly as good.
    explicit Quadratic(std::int64_t n, bool semidefinite = false);

    // H at a new point, or a std::invalid_argument that says what is wrong with it. Elements may
    // differ from their mirror images by sqrt(epsilon) of the largest; their means are taken. What
    // is known of it answers the first of the questions below, which comes while it is told.
    void adopt(const Hessian& h, double epsilon);
    // The same of its lower triangle, row after row.
    void adopt(const std::vector<double>& triangle);
    // The rows and columns of a whole that are not held; what is known of the whole is forgotten.
    void adopt(Quadratic& whole, const std::vector<char>& held);

    // Three steps p, from the gradient g at the same point.

    // The least q over |p| <= radius: Moré and Sorensen 1983; Conn, Gould and Toint, Trust-Region
    // Methods, 2000, chapter 7.
    struct Step {
        double predicted;  // the decrease of q
        bool interior;     // the Newton step itself: H is positive definite

        void visit(Archive& archive) { archive(predicted, interior); }
    };
    Step within(const std::vector<double>& g, double radius, std::vector<double>& p);
    // -(H + shift I)^-1 g, shift 0 where H is positive definite: Nocedal and Wright 2006, algorithm
    // 3.3. False where no shift helps.
    bool descend(const std::vector<double>& g, std::vector<double>& p);
    // -H^-1 g whatever the signs of its eigenvalues; false where H is singular.
    bool newton(const std::vector<double>& g, std::vector<double>& p);
    // -H^-1 g where H is positive definite and no pivot is less; false elsewhere.
    bool definite(const std::vector<double>& g, double least, std::vector<double>& p);

    // Whether H is positive semidefinite, as far as rounding lets one tell.
    bool convex();
    // Whether H is positive definite beyond rounding.
    bool definite();
    void multiply(const double* v, double* to) const;  // to = H v
    // The smallest z.H z / z.z of the directions looked at since H was set.
    double curvature() const { return curvature_; }
    double shift() const { return shift_; }        // of the last step
    Elements matrix() const;                       // H; empty at first
    std::int64_t count() const { return count_; }  // of the Hessians so far
    void visit(Archive& archive);

  private:
    // Memory for the factor, z_ and w_, as long as it lives.
    class Work {
      public:
        explicit Work(Quadratic& model);

      private:
        Scratch space_;
    };

    // H is another one, and nothing but that is known of it.
    void renew(const LaneModel* known = nullptr) {
        known_ = known;
        curvature_ = INFINITY;
        ++count_;
    }
    std::int64_t factor(double shift);
    // p without a shift, where the step is known, and what else is; or nullptr.
    const LaneModel* known_step(std::vector<double>& p);
    void solve_factored(const std::vector<double>& g, std::vector<double>& p);
    double reach_of(const std::vector<double>& p);  // |L^-1 p|^2, L L' the factored matrix
    void bound_shift(double pull, double& low, double& high) const;
    double multiply(const double* v) const;  // v.H v
    double dot(const double* a, const double* b) const;
    double dot(const std::vector<double>& a, const std::vector<double>& b) const {
        return dot(a.data(), b.data());
    }
    // How much the diagonal lacks for the factorization that failed to pass the failed column.
    double missing_shift(std::int64_t failed);
    // A unit vector along which the factored matrix is nearly as small as it gets.
    void smallest_direction();
    void note_curvature(double curvature);  // of a direction that was looked at

    std::int64_t n_;
    std::vector<double> h_;  // the lower triangle, row after row; empty at first
    Cholesky cholesky_;
    double *z_ = nullptr, *w_ = nullptr;  // padded() elements each
    double curvature_ = INFINITY, shift_ = 0.0;
    std::int64_t count_ = 0;
    bool semidefinite_;
    const LaneModel* known_ = nullptr;  // of H, until something is asked
};

}  // namespace schuss

// The step that minimizes g.p + p.H p / 2 over |p| <= radius, H dense and maybe indefinite: Moré
// and Sorensen 1983; Conn, Gould and Toint, Trust-Region Methods, 2000, chapter 7. Cholesky first:
// where H is positive definite and the Newton step is short enough, one factorization is all.
#pragma once
#include <vector>

#include "solvers/archive.hpp"
#include "solvers/cholesky.hpp"

namespace schuss {

class TrustRegion {
  public:
    explicit TrustRegion(std::int64_t n);

    struct Step {
        double predicted;  // the decrease of the model
        bool interior;     // the Newton step itself: H is positive definite
        double length;
    };
    // h: n x n, symmetric, row after row.
    Step solve(const std::vector<double>& h, const std::vector<double>& g, double radius,
               std::vector<double>& p);

    // Whether H is positive semidefinite, as far as rounding lets one tell.
    bool convex(const std::vector<double>& h);
    // The smallest z.H z / z.z of the directions looked at since forget_curvature().
    double curvature() const { return curvature_; }
    void forget_curvature();
    void visit(Archive& archive) { archive(curvature_); }

  private:
    std::int64_t factor(const std::vector<double>& h, double shift);
    void newton_step(const std::vector<double>& g, std::vector<double>& p);
    double multiply(const std::vector<double>& h, const std::vector<double>& v) const;  // v.H v
    double dot(const std::vector<double>& a, const std::vector<double>& b) const;
    // How much the diagonal lacks for the factorization that failed to pass the failed column.
    double lacking(const std::vector<double>& h, std::int64_t failed);
    // A unit vector along which the factored matrix is nearly as small as it gets.
    void smallest_direction(const std::vector<double>& h);

    std::int64_t n_;
    Cholesky cholesky_;
    std::vector<double> z_, w_;
    double curvature_;
};

}  // namespace schuss

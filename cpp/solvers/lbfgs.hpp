// Limited-memory BFGS: H as the compact form of Byrd, Nocedal and Schnabel 1994, equation 3.1, from
// the last m pairs. In the order of Nocedal's two loops (1980), which it equals in exact
// arithmetic,
//
//   p = R^-1 S'g,   c = p - R^-T gamma (Y'g - Y'Y p) with R_ji c_j for j < i on the way,
//   H g = gamma g + S c - gamma Y p,   R = upper triangle of S'Y,   gamma = s.y / y.y of the
//   newest.
//
// All inner products with vectors come from one pass over the pairs, the direction from a second.
#pragma once
#include "solvers/descent.hpp"

namespace schuss {

class PairHistory final : public Curvature {
  public:
    // keeps: the direction takes the place of no pair that it is made of.
    PairHistory(std::int64_t n, DType dtype, int m, bool keeps);

    const Place& place() override;
    void learn(const Lesson& lesson) override;
    const Terms& direction(const FreeGradient&) override;
    char* place_of_direction() override { return s_row(target_); }
    void forget(double scale) override;
    bool empty() const override { return order_.empty(); }
    void visit(Archive& archive) override;

    std::optional<Solver::Pairs> pairs() const override;

  private:
    char* s_row(int slot) const { return rows_.slot(0, 2 * slot); }
    char* y_row(int slot) const { return rows_.slot(0, 2 * slot + 1); }
    double& s_y(int i, int j) { return s_y_[static_cast<std::size_t>(i * slots_ + j)]; }
    double& y_y(int i, int j) { return y_y_[static_cast<std::size_t>(i * slots_ + j)]; }

    std::int64_t n_;
    DType dtype_;
    int m_, slots_;
    States rows_;             // slot k: s and y of one pair. A ring: nothing moves
    std::vector<int> order_;  // slots in use, the oldest pair first
    int target_ = 0;          // the slot that holds the direction, and then the next pair
    std::vector<double> s_y_, y_y_, s_g_, y_g_;  // products, by slot
    std::vector<double> p_, c_;                  // of the direction
    double gamma_ = 1.0;
};

}  // namespace schuss

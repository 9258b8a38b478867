// Many independent problems of one size, a solver each, shared out among threads, until each is
// done. A problem takes the steps that it would take alone, bit for bit.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "solvers/solver.hpp"

namespace schuss {

class SolverBatch {
  public:
    using Make = std::function<std::unique_ptr<Solver>(const Start& from)>;
    // bounds: one for all, one for each, or none.
    SolverBatch(std::int64_t count, std::int64_t n, DType dtype, const char* starts,
                const std::vector<std::shared_ptr<const Bounds>>& bounds, const Make& make);

    const std::vector<std::int64_t>& running() const { return running_; }
    // The points of those that run, one after the other.
    const std::vector<char>& points() const { return points_; }
    // What was asked for at them, in their order; Hessians may be null.
    void tell(const double* values, const char* gradients, const double* hessians);

    std::int64_t count() const { return static_cast<std::int64_t>(solvers_.size()); }
    const Solver& at(std::int64_t k) const { return *solvers_[static_cast<std::size_t>(k)]; }

  private:
    std::int64_t bytes_;          // of a point
    std::int64_t footprint_ = 0;  // bytes of a solver and what it owns; 0 where that is too much
    std::vector<std::unique_ptr<Solver>> solvers_;
    std::vector<std::int64_t> running_;
    std::vector<char> points_;
};

}  // namespace schuss

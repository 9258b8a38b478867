// A dense symmetric matrix, its lower triangle kept in square tiles one after the other. An update
// of rank two waits for the next product, which applies it on the way: one read and one write of
// the triangle, 8 n^2 bytes.
#pragma once
#include <vector>

#include "solvers/archive.hpp"
#include "solvers/vectors.hpp"

namespace schuss {

class Symmetric {
  public:
    explicit Symmetric(std::int64_t n);

    void set_identity(double scale);   // and forgets the update that waits
    void set(const double* a);         // from n rows, the lower triangle; likewise
    double* s() { return s_.data(); }  // to be written before update()
    double* w() { return w_.data(); }
    // A = scale A + s w' + w s'.
    void update(double scale = 1.0) {
        waiting_ = true;
        scale_ = scale;
    }
    // out = A v. Elements past n of either are zero.
    void multiply(const double* v, double* out);

    // Elements that a vector must have.
    std::int64_t padded() const { return tiles_ * kMatrixTile; }
    double at(std::int64_t i, std::int64_t j) const;  // the update that waits included
    void visit(Archive& archive);

    bool parallel = true;

  private:
    double* tile(std::int64_t row, std::int64_t column) const;

    std::int64_t n_, tiles_;
    Vector a_;
    std::vector<double> s_, w_;
    std::vector<double>
        shares_;  // of the product: along the rows and down the columns of each tile
    bool waiting_ = false;
    double scale_ = 1.0;
};

}  // namespace schuss

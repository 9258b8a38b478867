// A dense symmetric matrix, its lower triangle kept in square tiles one after the other. An update
// waits for the next product, which applies it on the way: one read and one write of the triangle,
// 8 n^2 bytes.
#pragma once
#include <array>
#include <vector>

#include "steps/archive.hpp"
#include "steps/vectors.hpp"

namespace schuss {

class Symmetric {
  public:
    explicit Symmetric(std::int64_t n);

    void set_identity(double scale);  // and forgets the update that waits
    void set(const double* a);        // from n rows, the lower triangle; likewise
    // To be written before update().
    double* s(int pair = 0) { return s_[static_cast<std::size_t>(pair)].data(); }
    double* w(int pair = 0) { return w_[static_cast<std::size_t>(pair)].data(); }
    // A = scale A + the sum of s w' + w s' over one or two pairs.
    void update(int pairs, double scale = 1.0) {
        waiting_ = pairs;
        scale_ = scale;
    }
    // out = A v. Elements past n of either are zero.
    void multiply(const double* v, double* out);

    // Elements that a vector must have.
    std::int64_t padded() const { return tiles_ * kMatrixTile; }
    double at(std::int64_t i, std::int64_t j) const;  // the update that waits included
    void visit(Archive& archive);

  private:
    double* tile(std::int64_t row, std::int64_t column) const;
    double& element(std::int64_t i, std::int64_t j) const;  // as stored: its tile has j <= i

    std::int64_t n_, tiles_;
    Vector a_;
    std::array<std::vector<double>, kMaxPairs> s_, w_;
    // Of the product: along the rows and down the columns of each tile.
    std::vector<double> shares_;
    int waiting_ = 0;  // pairs
    double scale_ = 1.0;
};

}  // namespace schuss

// A = L L' for symmetric positive definite A, in float64 or float32: blocked, right-looking, panels
// shared out among threads. Every element takes its products in the order of the columns, so the
// bits depend neither on the threads nor on whether a small system came alone or in a batch.
#pragma once
#include <cstdint>
#include <vector>

#include "dense/table.hpp"

namespace schuss {

class Cholesky {
  public:
    Cholesky(std::int64_t n, DType dtype);
    std::int64_t bytes() const;  // that it needs
    void use(char* space);       // before anything else; kept by the caller

    // The lower triangle of a, plus shift on the diagonal. Returns the column whose pivot is not
    // positive and finite, or -1: then A is positive definite. Right-hand sides for which the last
    // panel has rows to spare go along, and are solved forward on the way.
    std::int64_t factor(const Strided& a, double shift = 0.0);
    std::int64_t factor(const Strided& a, const Strided& b, std::int64_t columns);
    // Of L; where a factorization failed, rows up to the failed column's, whose pivot is in its
    // place.
    double element(std::int64_t i, std::int64_t k) const;

    void write(const Strided& l) const;  // zeros above the diagonal included
    // Once after factor(a, b, columns), any number of times after the other.
    void solve(const Strided& b, const Strided& x, std::int64_t columns) const;

    // y = L^-1 y and y = L'^-1 y with the leading rows and columns; padded() elements.
    void forward(char* y, std::int64_t order) const;
    void backward(char* y, std::int64_t order) const;
    std::int64_t padded() const { return panels_ * kernels_->rows; }

    bool parallel = true;

  private:
    template <class F>
    void share(std::int64_t first, std::int64_t end, double products, const F& f) const;
    void pack(const Strided& a, double shift);
    std::int64_t factor_packed();
    template <class T>
    void solve_in(const Strided& b, const Strided& x, std::int64_t columns) const;
    // L^-1 b of those that went along, which leave zeros: what lies below the matrix has to be so.
    template <class T>
    std::vector<std::vector<T>> take_carried() const;
    std::int64_t elements() const;
    char* at(std::int64_t i, std::int64_t k) const;

    std::int64_t n_;
    DType dtype_;
    const PanelKernels* kernels_;
    std::int64_t panels_;
    std::int64_t carried_ = 0;  // right-hand sides that went along
    char *data_ = nullptr, *inverse_ = nullptr;
};

}  // namespace schuss

// Where the iterates of a run may go, and where it begins.
#pragma once
#include <memory>

#include "steps/vectors.hpp"

namespace schuss {

// lower <= x <= upper, element by element; infinite where there is no bound. Equal ones fix a
// variable.
class Bounds {
  public:
    // As many of each as there are variables, or one of each for all; within the dtype's range and
    // in order: Python has looked at them.
    Bounds(DType dtype, std::int64_t count, const double* lower, const double* upper);

    Box box() const;  // as kernels take them, with a reach of 0
    double lower(std::size_t i) const { return at(lower_, i); }
    double upper(std::size_t i) const { return at(upper_, i); }
    // Moves n elements of our dtype inside.
    void clip(char* x, std::size_t n) const;

  private:
    double at(const Vector& of, std::size_t i) const;

    Vector lower_, upper_;
};

struct Start {
    std::int64_t n;
    DType dtype;                             // of the iterates
    const char* x0;                          // n elements of it
    std::shared_ptr<const Bounds> bounds{};  // null: anywhere
};

}  // namespace schuss

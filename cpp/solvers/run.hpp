// A run in numbers: where it stands, how it began, and how much of a difference rounding may make.
#pragma once
#include <algorithm>
#include <cstdint>

#include "steps/archive.hpp"

namespace schuss {

struct Run {
    Run(std::int64_t n, DType dtype) : n(n), dtype(dtype) {}

    // Looks at how many bits are in use of what was told.
    void see(double value, const char* gradient);
    DType precision() const;  // the coarsest of x, f and g
    double epsilon() const;   // of that
    double noise() const;     // values of f that differ by less are equal
    // How high a point may lie that is taken for its slopes: of equal values, and no higher than
    // the first.
    double highest(double value) const { return std::min(value + noise(), first_value); }
    // Whether a step of such a length overflows, so that f there says nothing.
    bool beyond(double length) const;

    void visit(Archive& archive);

    const std::int64_t n;
    const DType dtype;                  // of the iterates
    double value = 0.0, largest = 0.0;  // f and the largest |g|, projected, at the point taken last
    double lowest = 0.0;                // of all values so far
    double travelled = 0.0;             // the length of all steps taken
    std::int64_t iterations = 0, evaluations = 0;
    // f, |g| and |x| at the first point, and a fair length of a step from there.
    double first_value = 0.0, first_slope = 0.0, first_size = 0.0, first_length = 0.0;

  private:
    // Whether numbers are of float32: none has more bits, and one has more than round numbers do.
    struct Bits {
        bool single = false, twice = false;
        void see(double number);
        bool coarse() const { return single && !twice; }
        void visit(Archive& archive) { archive(single, twice); }
    };
    Bits values_, slopes_;  // of f and of g
};

}  // namespace schuss

#pragma once
#include <cstdint>

namespace schuss {

struct TallMatrix {
    const double* data;
    std::int64_t rows, columns;
};

// The lower triangle of A'A, row after row, and A'b, of tall row-major A, which is read once by
// each thread. Every sum takes the rows in order, so threads and ISAs do not change its bits.
void gram(const TallMatrix& a, const double* b, double* triangle, double* product);

}  // namespace schuss

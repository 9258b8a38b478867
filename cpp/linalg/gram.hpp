// A'A and A'b for tall row-major A. Every sum takes the rows in order, whichever thread it is on.
#pragma once
#include <cstdint>

namespace schuss {

struct TallMatrix {
    const double* data;
    std::int64_t rows, columns;
};

// The lower triangle of A'A, row after row.
void gram(const TallMatrix& a, double* triangle);
void multiply_transposed(const TallMatrix& a, const double* b, double* product);

}  // namespace schuss

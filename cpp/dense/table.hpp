// The only door out of the dense object of an ISA.
#pragma once
#include "core/types.hpp"

namespace schuss {

// A lower triangle of order n lies in panels of `rows` rows each. A panel holds its columns one
// after the other, `rows` elements each, up to and including the diagonal; above the diagonal and
// beyond n are zeros. Columns are factored `block` at a time.

// Where the elements of a matrix are: (i, j) at data + i row + j column, in bytes. Of a triangle
// without gaps, which only pack reads, each row is `growth` longer than the one before.
struct Strided {
    char* data;
    std::int64_t row, column, growth = 0;
};

struct PanelKernels {
    int rows, block;

    // Panel p = the lower triangle of a, with shift added to the diagonal.
    void (*pack)(const Strided& a, std::int64_t n, std::int64_t p, double shift, char* panels);
    // The rows of l that panel p has, zeros above the diagonal included.
    void (*unpack)(const char* panels, std::int64_t n, std::int64_t p, const Strided& l);

    // Columns of the block from `first` on, of panel p: A becomes L, once the panels above have
    // theirs; rows from n to height go along. inverse: 1 / L[j][j]. Returns the column whose pivot
    // is not positive and finite, which is left in its place, or -1.
    std::int64_t (*factor)(char* panels, char* inverse, std::int64_t n, std::int64_t height,
                           std::int64_t p, std::int64_t first);
    // A - L L', of panel p, the columns after the block from `first` on by those of the block.
    void (*update)(char* panels, std::int64_t n, std::int64_t p, std::int64_t first);

    // y = L^-1 y, and y = L'^-1 y, of the leading n rows and columns; y has whole panels, zeros
    // beyond n.
    void (*forward)(const char* panels, const char* inverse, std::int64_t n, char* y);
    void (*backward)(const char* panels, const char* inverse, std::int64_t n, char* y);
};

// Up to `lanes` matrices of order n <= kLaneOrder, one in each lane: the same operations in the
// same order as in panels, so the same bits.
constexpr int kLaneOrder = 32;
struct LaneWork {
    std::int64_t n;
    int count;  // of matrices, at most the lanes
    Strided a;  // of the first; the next matrix is a_next bytes on; so for the others
    std::int64_t a_next;
    Strided b, x;  // n rows and some columns; b.data may be null
    std::int64_t b_next, x_next, b_columns;
    Strided l;  // the factor, zeros above the diagonal; data may be null
    std::int64_t l_next;
    char* space;           // (n (n + 1) / 2 + 2 n) times kDenseVector bytes, aligned to that
    std::int64_t* failed;  // for each matrix the column whose pivot is not positive, or -1
};
constexpr int kDenseVector = 64;  // bytes of the longest vector

// A Hessian, n x n, and a gradient, and the Newton step from them.
struct LaneModel {
    const double *h, *g;
    double* mean;         // of h and its mirror image, the lower triangle row after row
    double* step;         // p = -mean^-1 g
    double reach;         // |L^-1 p|^2, with mean = L L'
    double size, skew;    // the largest |h|, and the largest difference from the mirror image
    double sum;           // of the differences: finite only where all of h is
    double curvature;     // what Smallest finds, where that was wanted and is there; else NaN
    std::int64_t failed;  // -1 where there is a step; else the column whose pivot is not positive
                          // and finite, or 0 where the curvature was wanted instead
};
// Inverse iteration for the smallest eigenvalue of a matrix, with `rounding` times its largest
// element added to the diagonal, as far as that has a factor.
struct Smallest {
    double rounding;
    int iterations;
    double start[11];  // the elements of the first vector, again and again
};
struct LaneModels {
    std::int64_t n;  // at most kLaneOrder
    int count;       // of models, at most the lanes
    LaneModel* models;
    char* space;               // as in LaneWork
    const Smallest* smallest;  // null where steps are wanted
};

struct DenseTable {
    PanelKernels panels[kDTypes];
    int lanes[kDTypes];
    void (*solve_lanes[kDTypes])(const LaneWork&);
    void (*newton_lanes)(const LaneModels&);
};

}  // namespace schuss

// Aggregates that cross layers. Data only: ISA objects include this file too, so it holds no
// functions.
#pragma once
#include <cstdint>

#include "core/element.hpp"

namespace schuss {

// Room for what a rule may declare; the kernels refuse to compile one that needs more.
constexpr int kMaxSlots = 4;
constexpr int kMaxCoefficients = 14;
constexpr int kMaxCarry = 2;
constexpr int kMaxSums = 2;

// Sums of squares run over blocks of this many elements; each block is summed on its own.
constexpr std::int64_t kBlock = 4096;

// A contiguous run of one tensor, all arrays in the compute dtype.
struct Piece {
    char* param;
    const char* grad;
    char* slots[kMaxSlots];
    std::int64_t count;
    bool streaming;  // the step's arrays come from memory, not from a cache
};

// What surrounds every rule: g = clamp(scale * g, +-limit) + l2 * p before it, and with its step s
// p = p - (decay * p + s) after it, or p - s without decay.
struct Policy {
    double scale;  // sign (maximize) times the clip factor over grad_scale
    double limit;  // max_value, or infinity
    double l2;     // weight decay as a part of the gradient, or 0
    double decay;  // weight decay beside the step, times the learning rate, or 0
};

// What a kernel does of a policy: nothing, the decay alone, all of it.
enum Part : int { kNothing, kDecay, kAll, kPolicies };

using UpdateKernel = void (*)(const Piece&, const double* coefficients, const Policy&);

// The first of two passes, of a rule with sums: at most kBlock elements. out: of each sum its
// terms' squares, added up as in a block of SumSquaresKernel.
using GatherKernel = void (*)(const Piece&, const double* coefficients, const Policy&, double* out);

// count elements that lie `stride` bytes apart, to a run in a compute dtype; and the way back, by
// round to nearest even.
using LoadKernel = void (*)(const char* from, std::int64_t stride, std::int64_t count, char* to);
using StoreKernel = void (*)(const char* from, std::int64_t count, char* to, std::int64_t stride);

// average = keep * average + (1 - keep) * p.
using AverageKernel = void (*)(char* average, const char* p, std::int64_t count, double keep,
                               bool streaming);

// Elements (r, c) of a matrix to rows of kAcross elements that lie together; strides in bytes.
constexpr std::int64_t kDown = 16, kAcross = 128;
using TurnKernel = void (*)(const char* from, std::int64_t column_stride, std::int64_t row_stride,
                            std::int64_t rows, std::int64_t columns, char* to);

// to = factor * clamp(scale * g, +-limit), a factor an element; `to` may be g.
using ScaleKernel = void (*)(const char* g, const char* factor, std::int64_t count, const Policy&,
                             char* to);

// sums[i] += x[i]^2 in double, row after row; rows lie `stride` bytes apart.
using SquaresKernel = void (*)(const char* x, std::int64_t stride, std::int64_t rows,
                               std::int64_t count, double* sums);

// out[b] = sum over block b of (scale * x)^2, in double, in the order that the bit contract fixes.
using SumSquaresKernel = void (*)(const char* x, std::int64_t count, double scale, double* out);

// What solvers do with vectors. Iterates and gradients have one dtype, directions and curvature
// pairs one of their own; all arithmetic and all sums are in double. Kernels work on elements
// [begin, begin + count) of whole vectors, at most one block of kBlock, so that blocks can be
// shared out.

// Where iterates may go: lower <= x <= upper, bounds of the iterates' dtype, or one pair for all
// where there are no vectors. A bound is active where -g leads to it within `reach` of g.
struct Box {
    const char *lower, *upper;  // null: low and high
    double low, high;
    double reach;
};

// out: g.d, g.g and the largest |g|. Any element that is not finite leaves g.d or g.g so.
// In a box of the projected gradient p, of which p_i = max(x_i - upper_i, g_i) where g_i < 0 and
// min(x_i - lower_i, g_i) elsewhere: g.d, p.p, the largest |p|; and over the elements that d moves
// those of y = g - g_before: y.y, g.g, g_before.g_before. Any element of g that is not finite
// leaves g.d so.
struct Probe {
    const char* g;
    const char* d;
    const Box* box = nullptr;
    const char *x = nullptr, *g_before = nullptr;  // in a box
};
constexpr int kProbeSums = 3, kBoxedSums = 6;
using ProbeKernel = void (*)(const Probe&, std::int64_t begin, std::int64_t count, double* out);

// s = step s, which was the direction; y = keep (g_new - g) - damp g; then g = g_new. out: for each
// row, row.y and row.g; s and y may be among the rows. In a box y is 0 where s is, and the products
// are those with g where no bound is active, at the new x.
struct CurvaturePair {
    char* g;
    const char* g_new;
    double step, keep, damp;
    char *s, *y;
    const char* const* rows;
    int n_rows;
    bool streaming;  // the rows come from memory, not from a cache
    const Box* box = nullptr;
    const char* x = nullptr;  // in a box: the new one
};
using PairKernel = void (*)(const CurvaturePair&, std::int64_t begin, std::int64_t count,
                            double* out);

// d = on_g g + sum of on_rows[r] rows[r], x_new = x + step d. out: g.d and d.d. d may be one of the
// rows. In a box g counts where no bound is active, active variables go to their bounds, and the
// others no farther than to theirs: d is the chord. out: also the largest |d| before that as a part
// of the way to the bound.
struct Combination {
    const char* g;
    double on_g;
    const char* const* rows;
    const double* on_rows;
    int n_rows;
    char* d;
    const char* x;
    char* x_new;
    double step;
    bool streaming;
    const Box* box = nullptr;
};
constexpr int kCombinationSums = 2, kBoxedCombinationSums = 3;
using CombinationKernel = void (*)(const Combination&, std::int64_t begin, std::int64_t count,
                                   double* out);

// x_new = x + step d, no farther than to the bounds.
struct Advance {
    const char* x;
    const char* d;
    double step;
    char* x_new;
    const Box* box = nullptr;
};
using AdvanceKernel = void (*)(const Advance&, std::int64_t begin, std::int64_t count);

// What a trial says, at x_new, of the point x with the gradient g: s = x_new - x, y = g_new - g.
// out: s.g, s.s, s.y, g_new.g_new and the largest |g_new|, in a box of the projected gradient. y
// may be null.
struct Trial {
    const char *x, *x_new, *g_new;
    const double* g;
    double *s, *y;
    const Box* box = nullptr;
};
using TrialKernel = void (*)(const Trial&, std::int64_t begin, std::int64_t count, double* out);

// A square tile of a symmetric matrix, row after row, below the diagonal or on it. First the update
// a[i][j] = scale a[i][j] + s[i] w[j] + w[i] s[j] that was left over, with one pair s, w or with a
// sum over two; then its share of the product with v: along its rows, and unless it lies on the
// diagonal also down its columns.
constexpr int kMatrixTile = 64;
constexpr int kMaxPairs = 2;
struct TileVectors {
    const double *s[kMaxPairs], *w[kMaxPairs], *v;  // kMatrixTile elements each, 0 past the matrix
};
struct TileWork {
    double* a;
    TileVectors row, column;
    int n_rows;  // of the tile that the matrix has
    int pairs;   // of the update; 0 where none waits
    double scale;
    double* along_rows;
    double* down_columns;  // null on the diagonal
};
using TileKernel = void (*)(const TileWork&);

struct VectorKernels {
    ProbeKernel probe;
    PairKernel pair;
    CombinationKernel combination;
    AdvanceKernel advance;
};

// Name lists are words separated by single spaces, those of hyperparameters by ", ".
struct Rule {
    const char* name;
    const char* hyper;
    const char* slots;
    const char* sums;  // of each tensor, between two passes; empty for a rule of one pass
    bool squares;      // takes the square of the gradient, which overflows long before it does
    int n_hyper;
    int n_slots;
    int n_carry;
    int n_sums;
    double carry[kMaxCarry];  // scalar state of the rule before its first step
    void (*coefficients)(const double* hyper, std::int64_t step, double* carry, double* out);
    double (*decay)(const double* hyper);  // of a rule that has a say in it, else null
    void (*set_sums)(const double* hyper, const double* sums, double* coefficients);
    GatherKernel gather[kDTypes];  // null without sums
    UpdateKernel update[kDTypes][kPolicies];
};

}  // namespace schuss

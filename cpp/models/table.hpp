// The only door out of the models' object of an ISA: models by name, and fits, one in each lane.
#pragma once
#include "core/types.hpp"

namespace schuss {

constexpr int kMostParameters = 16;  // of a fit; a model by name has 8 at most
constexpr int kMostVariables = 2;
constexpr int kMostFitLanes = 8;

// Row k begins at data + k next: 0 where all fits share one.
struct Rows {
    const double* data;
    std::int64_t next;
};

// m points of each fit, those that are missing left out; y and weights may be null, for 0 and 1.
struct FitPoints {
    std::int64_t m;
    Rows x;                   // of a model by name; null for functions of the user's
    std::int64_t x_variable;  // from one variable's values to the next one's
    Rows y, weights;
    const std::uint8_t* missing;  // m for each fit, or null
};

enum FitEnding : std::uint8_t {
    kFitRuns,
    kFitOffset,    // the step that is left is tol standard errors
    kFitGradient,  // the residuals are at right angles to every column of the Jacobian
    kFitExact,     // the cost is that of rounding
    kFitStep,      // the step that is left is rounding
    kFitRounding,  // what the model promises of the cost is rounding
    kFitMaxfun,
    kFitNoDecrease,
    kFitNotFinite,  // or out of range, at the start
    kFitEndings
};

// `count` fits of n parameters. Arrays have a row for each.
struct Fits {
    std::int64_t count;
    int n;
    double tol, maxfun;
    FitPoints points;
    Rows starts, lower, upper;
    double* x;  // where fits are to be evaluated; of those that ended, the best point
    double *cost, *gradient, *offset;
    std::int64_t *nit, *nfev;
    std::int64_t* active;  // which parameters the bounds hold: -1 at a lower one, 1 at an upper one
    double* optimality;    // the largest element of the projected gradient
    std::uint8_t* ending;
};

// Values and derivatives of a model at so many points, rows of 1 + n vectors each, the value first.
// p: n vectors; x: a vector for each variable of each point.
struct ModelRows {
    int variables;
    void (*rows)(const char* p, const char* x, std::int64_t count, char* rows);
};

struct Model {
    const char *name, *parameters;  // words separated by single spaces
    ModelRows with[2][2];           // [an offset][a slope in each variable]
};

// Memory that is handed in is aligned to kModelVector bytes.
constexpr int kModelVector = 64;

// Of Jacobians J = Q R, a row for each fit.
struct Factors {
    double* l;        // R', row after row
    double* inverse;  // (J'J)^-1 from it, n x n
    double* least;    // of R's diagonal, in units of the norms of J's columns
};

// Products of columns of tall row-major matrices: sums[i][j] += left[i] right[j] over the rows of
// both, for i < height and the columns j of a tile, of which `width` count. Whole vectors are read.
constexpr int kTileHeight = 4, kMostTileWidth = 2 * kMostFitLanes;
struct TallTile {
    const double* left;
    std::int64_t left_next;  // from one row to the next
    int height;              // 1 to kTileHeight
    const double* right;
    std::int64_t right_next;
    int width;     // 1 to the table's tile_width
    double* sums;  // height x tile_width
};

struct ModelTable {
    const Model* models;
    int n_models;
    int lanes;
    std::int64_t (*state_bytes)(const Fits&);  // of as many fits as there are lanes
    std::int64_t (*space_bytes)(const Fits&);  // beside them, for the time of a call
    // Fits [first, end), one after the other in whatever lane is free.
    void (*fit)(const Fits&, const ModelRows&, std::int64_t first, std::int64_t end, char* state,
                char* space);
    // The `count` fits of a group, from `first` on: a lane each.
    void (*start)(const Fits&, std::int64_t first, int count, char* state, char* space);
    // Values (m) and a Jacobian (m, n) for each lane, null for those that do not run.
    void (*tell)(const Fits&, std::int64_t first, const double* const* values,
                 const double* const* jacobians, char* state, char* space);
    // Values (m) and Jacobians (m, n) at x of `count` fits from `first` on, at most the lanes.
    void (*evaluate)(const Fits&, const ModelRows&, std::int64_t first, int count, char* space,
                     double* values, double* jacobians);
    // Of their weighted Jacobians: those given, else of the model at x.
    void (*factors)(const Fits&, const ModelRows&, const double* jacobians, std::int64_t first,
                    int count, char* space, const Factors&);
    int tile_width;
    void (*add_tile)(const TallTile&, std::int64_t rows);
    // Elementwise.
    void (*exp[kDTypes])(const char* from, std::int64_t count, char* to);
    void (*log[kDTypes])(const char* from, std::int64_t count, char* to);
};

}  // namespace schuss

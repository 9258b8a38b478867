// Aggregates that cross layers. Data only: ISA objects include this file too, so it holds no
// functions.
#pragma once
#include <cstdint>

namespace schuss {

enum DType : int { kFloat32 = 0, kFloat64 = 1, kDTypes = 2 };

constexpr int kMaxSlots = 3;
constexpr int kMaxCoefficients = 12;
constexpr int kMaxCarry = 1;

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

// What happens to a gradient before its rule sees it: g = clamp(scale * g, +-limit) + l2 * p.
struct Preparation {
    double scale;  // sign (maximize) times the clip factor over grad_scale
    double limit;  // max_value, or infinity
    double l2;     // coupled weight decay, or 0
};

using UpdateKernel = void (*)(const Piece&, const double* coefficients, const Preparation&);

// out[b] = sum over block b of (scale * x)^2, in double, in the order that the bit contract fixes.
using SumSquaresKernel = void (*)(const char* x, std::int64_t count, double scale, double* out);

// Name lists are words separated by single spaces.
struct Rule {
    const char* name;
    const char* hyper;
    const char* slots;
    int n_slots;
    int n_carry;
    double carry[kMaxCarry];  // scalar state of the rule before its first step
    void (*coefficients)(const double* hyper, std::int64_t step, double* carry, double* out);
    UpdateKernel plain[kDTypes];     // the gradient goes to the rule as it is
    UpdateKernel prepared[kDTypes];  // the gradient is prepared first
};

}  // namespace schuss

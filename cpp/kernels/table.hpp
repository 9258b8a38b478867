// The only door out of an ISA object.
#pragma once
#include "core/types.hpp"

namespace schuss {

struct KernelTable {
    const Rule* rules;
    int n_rules;
    SumSquaresKernel sum_squares[kDTypes];
    SquaresKernel squares[kDTypes];
    ScaleKernel scale[kDTypes];
    AverageKernel average[kDTypes];
    LoadKernel load[kElements][kDTypes];
    TurnKernel turn[kElements];
    StoreKernel store[kStorages][kDTypes];    // null where an element is wider than the dtype
    VectorKernels vectors[kDTypes][kDTypes];  // dtype of iterates, dtype of directions
    TrialKernel trial[kDTypes];
    TileKernel tile;
};

}  // namespace schuss

// Many systems with symmetric positive definite matrices: small ones side by side in lanes, others
// one by one. The bits of each are those that it has alone.
#pragma once
#include <cstdint>

#include "dense/table.hpp"

namespace schuss {

// Memory that one group of systems in lanes needs.
std::int64_t lane_bytes(std::int64_t n);

// Factors `count` matrices, writes their factors where there is room for them and solves where
// there are right-hand sides. failed: for each the column whose pivot is not positive and finite,
// which is neither written nor solved, or -1.
void solve_systems(DType dtype, const LaneWork& first, std::int64_t count, std::int64_t* failed);

}  // namespace schuss

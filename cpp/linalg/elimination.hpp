// A x = b for any square A.
#pragma once
#include <vector>

namespace schuss {

// Gaussian elimination with partial pivoting: b becomes x, and a, n x n, is used up. False where A
// is singular.
bool eliminate(std::vector<double>& a, std::vector<double>& b);

}  // namespace schuss

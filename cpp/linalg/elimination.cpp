#include "linalg/elimination.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

namespace schuss {

bool eliminate(std::vector<double>& a, std::vector<double>& b) {
    const std::size_t n = b.size();
    for (std::size_t k = 0; k < n; ++k) {
        std::size_t pivot = k;
        for (std::size_t i = k + 1; i < n; ++i)
            if (std::abs(a[i * n + k]) > std::abs(a[pivot * n + k])) pivot = i;
        if (a[pivot * n + k] == 0.0) return false;
        std::swap(b[k], b[pivot]);
        std::swap_ranges(&a[k * n], &a[k * n] + n, &a[pivot * n]);
        for (std::size_t i = k + 1; i < n; ++i) {
            const double part = a[i * n + k] / a[k * n + k];
            for (std::size_t j = k + 1; j < n; ++j) a[i * n + j] -= part * a[k * n + j];
            b[i] -= part * b[k];
        }
    }
    for (std::size_t k = n; k-- > 0;) {
        for (std::size_t j = k + 1; j < n; ++j) b[k] -= a[k * n + j] * b[j];
        b[k] /= a[k * n + k];
    }
    return true;
}

}  // namespace schuss

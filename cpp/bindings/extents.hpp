// Which bytes arrays lie in, in which order, and whether others do too.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <vector>

#include "runtime/strided.hpp"

namespace schuss {

// Axes from the largest stride to the smallest: the order in memory. C order where strides tie.
inline std::vector<int> memory_order(const View& view) {
    const auto stride = [&](int a) { return std::abs(view.strides[static_cast<std::size_t>(a)]); };
    std::vector<int> axes = c_order(view.shape.size());
    std::stable_sort(axes.begin(), axes.end(), [&](int a, int b) { return stride(a) > stride(b); });
    return axes;
}

// How the elements lie that are walked in this order. kOverlaps, in that of memory: two indices may
// reach the same one, as axes are broadcast, or strides fold back on themselves.
enum class Layout { kDense, kGaps, kOverlaps };
inline Layout layout_of(const View& view, const std::vector<int>& axes) {
    if (std::find(view.shape.begin(), view.shape.end(), 0) != view.shape.end())
        return Layout::kDense;
    std::int64_t span = kBytes[static_cast<int>(view.type)];  // that the faster axes cover
    Layout layout = Layout::kDense;
    for (auto a = axes.rbegin(); a != axes.rend(); ++a) {
        const std::int64_t n = view.shape[static_cast<std::size_t>(*a)];
        const std::int64_t stride = std::abs(view.strides[static_cast<std::size_t>(*a)]);
        if (n == 1) continue;
        if (stride < span) return Layout::kOverlaps;
        if (stride > span) layout = Layout::kGaps;
        span += (n - 1) * stride;
    }
    return layout;
}

// Bytes [low, high) that an array's elements lie in; empty for an empty array.
struct Extent {
    const char* low;
    const char* high;
};

// Many of them, in the order of their beginnings.
class Extents {
  public:
    void clear() {
        extents_.clear();
        reached_.clear();
    }
    void add(const Extent& e) {
        reached_.push_back(reached_.empty() ? e.high : std::max(reached_.back(), e.high));
        extents_.push_back(e);
    }
    // The highest end up to the k-th.
    const char* reached(std::size_t k) const { return reached_[k]; }

    bool overlap(const Extent& e) const {
        const auto after =
            std::lower_bound(extents_.begin(), extents_.end(), e.high,
                             [](const Extent& x, const char* high) { return x.low < high; });
        return after != extents_.begin() &&
               reached_[static_cast<std::size_t>(after - extents_.begin()) - 1] > e.low;
    }

  private:
    std::vector<Extent> extents_;
    std::vector<const char*> reached_;
};

}  // namespace schuss

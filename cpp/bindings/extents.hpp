// Which bytes arrays lie in, and whether others do too.
#pragma once
#include <algorithm>
#include <cstddef>
#include <vector>

namespace schuss {

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

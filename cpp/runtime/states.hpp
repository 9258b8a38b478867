// One block of memory for all state arrays of an optimizer or a solver: zero pages until touched,
// 64-byte aligned, and staggered within the page, so that the streams of one kernel (parameter,
// gradient, slots) do not meet at the same address modulo 4096.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "core/types.hpp"

namespace schuss {

inline std::int64_t size_of(DType dtype) { return dtype == kFloat32 ? 4 : 8; }

class States {
  public:
    // Room for n_slots arrays of each of the given sizes in bytes; the places in the page are
    // counted from first. Throws std::bad_alloc.
    States(const std::vector<std::int64_t>& bytes, int n_slots, int first = 1);

    char* slot(std::size_t tensor, int slot) const {
        return base_ + offsets_[tensor * static_cast<std::size_t>(n_slots_) +
                                static_cast<std::size_t>(slot)];
    }
    bool overlaps(const char* low, const char* high) const {
        return low < base_ + size_ && base_ < high;
    }

  private:
    int n_slots_;
    std::vector<std::int64_t> offsets_;
    std::int64_t size_ = 0;
    std::unique_ptr<char, void (*)(void*)> memory_;
    char* base_ = nullptr;
};

}  // namespace schuss

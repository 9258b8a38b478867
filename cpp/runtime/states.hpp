// The memory of state arrays and vectors: zero pages until touched, aligned, and staggered within
// the page, so that the streams of one kernel (parameter, gradient, slots) do not meet at the
// same address modulo 4096.
#pragma once
#include <cstdint>
#include <vector>

#include "core/types.hpp"
#include "runtime/memory.hpp"

namespace schuss {

inline std::int64_t size_of(DType dtype) { return kBytes[dtype]; }

// The first offset from `from` on for an array of so many bytes that is in that place in the page.
std::int64_t staggered(std::int64_t from, std::int64_t bytes, int place);

// One block for all state arrays of an optimizer or a solver.
class States {
  public:
    // Room for n_slots arrays of each of the given sizes in bytes. Throws std::bad_alloc.
    States(const std::vector<std::int64_t>& bytes, int n_slots);

    char* slot(std::size_t tensor, int slot) const {
        return memory_.base() + offsets_[tensor * static_cast<std::size_t>(n_slots_) +
                                         static_cast<std::size_t>(slot)];
    }
    bool overlaps(const char* low, const char* high) const {
        return low < memory_.base() + size_ && memory_.base() < high;
    }

  private:
    int n_slots_;
    std::vector<std::int64_t> offsets_;
    std::int64_t size_;
    Block memory_;
};

}  // namespace schuss

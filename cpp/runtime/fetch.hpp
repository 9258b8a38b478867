// Memory that is asked for before its turn, where the hardware does not foresee it.
#pragma once
#include <cstdint>

namespace schuss {

constexpr std::int64_t kMostFetched = 1 << 14;  // bytes at a time: half of the first cache

// Inlined, because GCC takes a function that only prefetches for one without effect and drops the
// calls of it.
[[gnu::always_inline]] inline void fetch(const void* from, std::int64_t bytes) {
    constexpr std::int64_t line = 64;  // of a cache, in bytes
    for (std::int64_t byte = 0; byte < bytes; byte += line)
        __builtin_prefetch(static_cast<const char*>(from) + byte);
}

}  // namespace schuss

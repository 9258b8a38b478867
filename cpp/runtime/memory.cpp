#include "runtime/memory.hpp"

#include <cstdint>
#include <cstdlib>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(_WIN32)
#include <malloc.h>
#endif

namespace schuss {

void FreeAligned::operator()(char* memory) const {
#if defined(_WIN32)
    _aligned_free(memory);
#else
    std::free(memory);
#endif
}

Memory allocate_aligned(std::size_t bytes, std::size_t alignment) {
    if (bytes > PTRDIFF_MAX - alignment) throw std::bad_alloc();
    const std::size_t whole = (bytes + alignment - 1) / alignment * alignment;
#if defined(_WIN32)
    void* memory = _aligned_malloc(whole, alignment);
#else
    void* memory = std::aligned_alloc(alignment, whole);
#endif
    if (!memory) throw std::bad_alloc();
    if (alignment >= kHugePage) advise_huge_pages(static_cast<char*>(memory), whole);
    return Memory(static_cast<char*>(memory));
}

void advise_huge_pages([[maybe_unused]] char* from, [[maybe_unused]] std::size_t bytes) {
#if defined(__linux__)
    madvise(from, bytes, MADV_HUGEPAGE);
#endif
}

}  // namespace schuss

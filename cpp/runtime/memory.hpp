// Aligned memory, the only place that knows how each system hands it out.
#pragma once
#include <cstddef>
#include <memory>

namespace schuss {

// Bytes of a cache line, of a page and of a large one, as x86-64 and most of aarch64 have them.
constexpr std::size_t kLine = 64, kPage = 4096, kHugePage = std::size_t{1} << 21;

struct FreeAligned {
    void operator()(char* memory) const;
};
using Memory = std::unique_ptr<char, FreeAligned>;

// Bytes that nobody has written yet; alignment is a power of two of at least sizeof(void*). From a
// huge page on they are asked for in such pages. Throws std::bad_alloc.
Memory allocate_aligned(std::size_t bytes, std::size_t alignment);

// Asks for huge pages, where the system has such a call.
void advise_huge_pages(char* from, std::size_t bytes);

}  // namespace schuss

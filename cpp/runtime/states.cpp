#include "runtime/states.hpp"

#include <cstdint>
#include <cstdlib>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace schuss {
namespace {

constexpr std::int64_t kLine = 64, kPage = 4096, kHugePage = 1 << 21;
constexpr std::int64_t kStagger =
    1088;  // a quarter page and a line: four streams spread over the page

std::int64_t round_up(std::int64_t x, std::int64_t to) { return (x + to - 1) / to * to; }

}  // namespace

States::States(const std::vector<std::int64_t>& bytes, int n_slots, int first)
    : n_slots_(n_slots), memory_(nullptr, std::free) {
    for (const std::int64_t size : bytes)
        for (int slot = 0; slot < n_slots; ++slot) {
            std::int64_t offset = round_up(size_, kLine);
            if (size >= kPage) {
                const std::int64_t in_page = (slot + first) * kStagger % kPage;
                offset = round_up(offset - in_page, kPage) + in_page;
            }
            offsets_.push_back(offset);
            size_ = offset + size;
        }
    const std::int64_t alignment = size_ >= kHugePage ? kHugePage : size_ >= kPage ? kPage : kLine;
    if (size_ > PTRDIFF_MAX - alignment) throw std::bad_alloc();
    memory_.reset(static_cast<char*>(std::calloc(static_cast<std::size_t>(size_ + alignment), 1)));
    if (!memory_) throw std::bad_alloc();
    const auto address = reinterpret_cast<std::intptr_t>(memory_.get());
    base_ = memory_.get() + (round_up(address, alignment) - address);
#if defined(__linux__)
    if (size_ >= kHugePage) madvise(base_, static_cast<std::size_t>(size_), MADV_HUGEPAGE);
#endif
}

}  // namespace schuss

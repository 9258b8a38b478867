#include "runtime/states.hpp"

#include <cstdint>
#include <cstdlib>
#include <new>

#include "runtime/memory.hpp"

namespace schuss {
namespace {

constexpr auto kLineSize = static_cast<std::int64_t>(kLine),
               kPageSize = static_cast<std::int64_t>(kPage),
               kHugeSize = static_cast<std::int64_t>(kHugePage);
// A quarter page and a line: four streams spread over the page.
constexpr std::int64_t kStagger = 1088;

std::int64_t round_up(std::int64_t x, std::int64_t to) { return (x + to - 1) / to * to; }

// The end of the arrays, whose offsets are added.
std::int64_t lay_out(const std::vector<std::int64_t>& bytes, int n_slots,
                     std::vector<std::int64_t>& offsets) {
    std::int64_t end = 0;
    for (const std::int64_t size : bytes)
        for (int slot = 0; slot < n_slots; ++slot) {
            offsets.push_back(staggered(end, size, slot + 1));
            end = offsets.back() + size;
        }
    return end;
}

}  // namespace

Block::Block(std::int64_t size) {
    const std::int64_t alignment = size >= kHugeSize       ? kHugeSize
                                   : size >= kPageSize     ? kPageSize
                                   : size >= 8 * kLineSize ? kLineSize
                                                           : 1;
    if (size > PTRDIFF_MAX - alignment) throw std::bad_alloc();
    memory_.reset(static_cast<char*>(std::calloc(static_cast<std::size_t>(size + alignment), 1)));
    if (!memory_) throw std::bad_alloc();
    const auto address = reinterpret_cast<std::intptr_t>(memory_.get());
    base_ = memory_.get() + (round_up(address, alignment) - address);
    if (size >= kHugeSize) advise_huge_pages(base_, static_cast<std::size_t>(size));
}

std::int64_t staggered(std::int64_t from, std::int64_t bytes, int place) {
    const std::int64_t offset = round_up(from, kLineSize), in_page = place * kStagger % kPageSize;
    return bytes < kPageSize ? offset : round_up(offset - in_page, kPageSize) + in_page;
}

States::States(const std::vector<std::int64_t>& bytes, int n_slots)
    : n_slots_(n_slots), size_(lay_out(bytes, n_slots, offsets_)), memory_(size_) {}

}  // namespace schuss

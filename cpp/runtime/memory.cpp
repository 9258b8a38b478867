#include "runtime/memory.hpp"

#include <algorithm>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace schuss {
namespace {

constexpr std::int64_t kSmall = 8 * kLine;  // bytes; less is aligned as malloc does

thread_local std::optional<Block> kept_page;
thread_local bool page_is_lent = false;

}  // namespace

Block::Block(std::int64_t size, Holds holds) {
    const std::int64_t alignment = size >= kHugePage ? kHugePage
                                   : size >= kPage   ? kPage
                                   : size >= kSmall  ? kLine
                                                     : 1;
    if (size > PTRDIFF_MAX - alignment) throw std::bad_alloc();
    const auto whole = static_cast<std::size_t>(size + alignment);
    memory_.reset(
        static_cast<char*>(holds == Holds::kZeros ? std::calloc(whole, 1) : std::malloc(whole)));
    if (!memory_) throw std::bad_alloc();
    const auto address = reinterpret_cast<std::intptr_t>(memory_.get());
    base_ = memory_.get() + (alignment - address % alignment) % alignment;
#if defined(__linux__)
    if (size >= kHugePage) madvise(base_, static_cast<std::size_t>(size), MADV_HUGEPAGE);
#endif
}

Scratch::Scratch(std::int64_t bytes) {
    constexpr auto kHolds = Block::Holds::kAnything;
    if (bytes > kHugePage || page_is_lent) {
        own_.emplace(std::max(bytes, kSmall), kHolds);
        return;
    }
    if (!kept_page) kept_page.emplace(kHugePage, kHolds);
    page_is_lent = true;
}

Scratch::~Scratch() {
    if (!own_) page_is_lent = false;
}

char* Scratch::get() const { return (own_ ? own_ : kept_page)->base(); }

}  // namespace schuss

#include "runtime/states.hpp"

namespace schuss {
namespace {

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

std::int64_t staggered(std::int64_t from, std::int64_t bytes, int place) {
    const std::int64_t offset = round_up(from, kLine), in_page = place * kStagger % kPage;
    return bytes < kPage ? offset : round_up(offset - in_page, kPage) + in_page;
}

States::States(const std::vector<std::int64_t>& bytes, int n_slots)
    : n_slots_(n_slots), size_(lay_out(bytes, n_slots, offsets_)), memory_(size_) {}

}  // namespace schuss

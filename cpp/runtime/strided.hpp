// Arrays of any strides and any real dtype, read and written a tile at a time.
#pragma once
#include <cstdint>
#include <vector>

#include "core/types.hpp"

namespace schuss {

struct View {
    char* data = nullptr;
    Element type = Element::kFloat32;
    std::vector<std::int64_t> shape, strides;  // strides in bytes; the last axis runs fastest

    std::int64_t count() const;
};

// Drops axes of length 1 and joins axes that follow each other in memory.
void collapse(View& view);

// One run of neighbours in walk order (after collapse).
bool is_contiguous(const View& view);

// Where the element at a place in walk order is.
char* address(const View& view, std::int64_t place);

// A matrix, or a row of them, whose columns lie together: walked as it is, each element takes a
// line of the cache of its own.
bool is_turned(const View& view);

// An array as it is walked. direct: contiguous and in the dtype, so that it can be used in place.
struct Operand {
    View view;
    bool direct = false;
};

// The array with its axes taken in the given order, slowest first.
Operand operand(const View& array, const std::vector<int>& axes, DType dtype);
std::vector<int> c_order(std::size_t axes);

// Elements [begin, begin + count) in walk order, converted by round to nearest.
void gather(const View& view, std::int64_t begin, std::int64_t count, DType dtype, void* to);

// The same places, written: in the dtype, or for float32 in less, rounded to nearest even.
void scatter(const View& view, std::int64_t begin, std::int64_t count, DType dtype,
             const void* from);

}  // namespace schuss

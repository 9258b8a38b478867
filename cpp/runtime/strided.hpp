// Arrays of any strides and any real dtype, read and written a tile at a time.
#pragma once
#include <cstdint>
#include <vector>

#include "core/types.hpp"

namespace schuss {

enum class Element : std::uint8_t {
    kFloat16,
    kFloat32,
    kFloat64,
    kLongDouble,
    kInt8,
    kInt16,
    kInt32,
    kInt64,
    kUInt8,
    kUInt16,
    kUInt32,
    kUInt64
};

struct View {
    char* data = nullptr;
    Element type = Element::kFloat32;
    std::vector<std::int64_t> shape, strides;  // strides in bytes; the last axis runs fastest
};

// Drops axes of length 1 and joins axes that follow each other in memory.
void collapse(View& view);

// One run of neighbours in walk order (after collapse).
bool is_contiguous(const View& view);

// Elements [begin, begin + count) in walk order, converted to T by round to nearest.
template <class T>
void gather(const View& view, std::int64_t begin, std::int64_t count, T* to);

// The same places, written; the view's type is T.
template <class T>
void scatter(const View& view, std::int64_t begin, std::int64_t count, const T* from);

}  // namespace schuss

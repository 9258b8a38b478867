// THE list of what an element of an array may be. Models are stored in the first four: parameters,
// gradients, shadows; arithmetic is done in the first two. Gradients may be any of them.
#pragma once
#include <cstdint>

namespace schuss {

struct BFloat16 {
    std::uint16_t bits;
};
struct Float16 {
    std::uint16_t bits;
};

// X(name, type)
#define SCHUSS_STORAGES(X) \
    X(Float32, float)      \
    X(Float64, double)     \
    X(BFloat16, BFloat16)  \
    X(Float16, Float16)
#define SCHUSS_ELEMENTS(X)     \
    SCHUSS_STORAGES(X)         \
    X(LongDouble, long double) \
    X(Int8, std::int8_t)       \
    X(Int16, std::int16_t)     \
    X(Int32, std::int32_t)     \
    X(Int64, std::int64_t)     \
    X(UInt8, std::uint8_t)     \
    X(UInt16, std::uint16_t)   \
    X(UInt32, std::uint32_t)   \
    X(UInt64, std::uint64_t)

#define SCHUSS_NAME(name, type) k##name,
enum class Element : std::uint8_t { SCHUSS_ELEMENTS(SCHUSS_NAME) kCount };
#undef SCHUSS_NAME

#define SCHUSS_BYTES(name, type) sizeof(type),
constexpr std::int64_t kBytes[] = {SCHUSS_ELEMENTS(SCHUSS_BYTES)};
#undef SCHUSS_BYTES

constexpr int kStorages = 4, kElements = static_cast<int>(Element::kCount);

// What arithmetic is done in; the numbers are those of the elements.
enum DType : int { kFloat32 = 0, kFloat64 = 1, kDTypes = 2 };

}  // namespace schuss

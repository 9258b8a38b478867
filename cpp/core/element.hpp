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

// What arithmetic is done in; the numbers are those of the elements.
enum DType : int { kFloat32 = 0, kFloat64 = 1, kDTypes = 2 };

// X(name, type, what is computed in, and, of those that models are stored in, how users call it)
#define SCHUSS_STORAGES(X)                      \
    X(Float32, float, kFloat32, "float32")      \
    X(Float64, double, kFloat64, "float64")     \
    X(BFloat16, BFloat16, kFloat32, "bfloat16") \
    X(Float16, Float16, kFloat32, "float16")
#define SCHUSS_ELEMENTS(X)               \
    SCHUSS_STORAGES(X)                   \
    X(LongDouble, long double, kFloat64) \
    X(Int8, std::int8_t, kFloat64)       \
    X(Int16, std::int16_t, kFloat64)     \
    X(Int32, std::int32_t, kFloat64)     \
    X(Int64, std::int64_t, kFloat64)     \
    X(UInt8, std::uint8_t, kFloat64)     \
    X(UInt16, std::uint16_t, kFloat64)   \
    X(UInt32, std::uint32_t, kFloat64)   \
    X(UInt64, std::uint64_t, kFloat64)

#define SCHUSS_NAME(name, ...) k##name,
enum class Element : std::uint8_t { SCHUSS_ELEMENTS(SCHUSS_NAME) kCount };
#undef SCHUSS_NAME

#define SCHUSS_BYTES(name, type, ...) sizeof(type),
constexpr std::int64_t kBytes[] = {SCHUSS_ELEMENTS(SCHUSS_BYTES)};
#undef SCHUSS_BYTES

#define SCHUSS_COMPUTE(name, type, compute, ...) compute,
constexpr DType kCompute[] = {SCHUSS_ELEMENTS(SCHUSS_COMPUTE)};
#undef SCHUSS_COMPUTE

#define SCHUSS_NAME(name, type, compute, word) word,
constexpr const char* kStorageNames[] = {SCHUSS_STORAGES(SCHUSS_NAME)};
#undef SCHUSS_NAME

constexpr int kStorages = sizeof(kStorageNames) / sizeof(*kStorageNames);
constexpr int kElements = static_cast<int>(Element::kCount);

}  // namespace schuss

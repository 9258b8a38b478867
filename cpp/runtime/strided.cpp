#include "runtime/strided.hpp"

#include <algorithm>
#include <cstring>

namespace schuss {
namespace {

constexpr std::size_t kMaxAxes = 64;  // NumPy's own limit

struct Half {
    std::uint16_t bits;
};

// Exact: every half is a float.
float widen(Half h) {
    const std::uint32_t sign = static_cast<std::uint32_t>(h.bits & 0x8000) << 16;
    const std::uint32_t exponent = h.bits >> 10 & 0x1F;
    const std::uint32_t fraction = h.bits & 0x3FF;
    if (exponent == 0) {  // zero or subnormal: fraction times 2^-24
        const float value = static_cast<float>(fraction) * 0x1p-24f;
        return sign ? -value : value;
    }
    const std::uint32_t bits =
        sign | (exponent == 31 ? 0x7F800000 : (exponent + 112) << 23) | fraction << 13;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}
template <class S>
S widen(S x) {
    return x;
}

// Calls run(first, stride, length, done) for each run along the last axis.
template <class F>
void for_each_run(const View& view, std::int64_t begin, std::int64_t count, const F& run) {
    const std::size_t axes = view.shape.size();
    if (count == 0) return;
    if (axes == 0) return run(view.data, 0, 1, 0);
    std::int64_t index[kMaxAxes];
    const std::size_t last = axes - 1;
    char* row = view.data;
    std::int64_t rest = begin;
    for (std::size_t a = axes; a-- > 0;) {
        index[a] = rest % view.shape[a];
        rest /= view.shape[a];
        if (a < last) row += index[a] * view.strides[a];
    }
    const std::int64_t length = view.shape[last], stride = view.strides[last];
    for (std::int64_t done = 0; done < count;) {
        const std::int64_t n = std::min(count - done, length - index[last]);
        run(row + index[last] * stride, stride, n, done);
        done += n;
        index[last] = 0;
        for (std::size_t a = last; a-- > 0;) {
            row += view.strides[a];
            if (++index[a] < view.shape[a]) break;
            row -= index[a] * view.strides[a];
            index[a] = 0;
        }
    }
}

template <class S, class T>
void gather_from(const View& view, std::int64_t begin, std::int64_t count, T* to) {
    for_each_run(view, begin, count,
                 [to](const char* first, std::int64_t stride, std::int64_t n, std::int64_t done) {
                     for (std::int64_t k = 0; k < n; ++k) {
                         S x;
                         std::memcpy(&x, first + k * stride, sizeof x);
                         to[done + k] = static_cast<T>(widen(x));
                     }
                 });
}

std::int64_t size_of(Element type) {
    switch (type) {
        case Element::kInt8:
        case Element::kUInt8:
            return 1;
        case Element::kFloat16:
        case Element::kInt16:
        case Element::kUInt16:
            return 2;
        case Element::kFloat32:
        case Element::kInt32:
        case Element::kUInt32:
            return 4;
        case Element::kLongDouble:
            return sizeof(long double);
        default:
            return 8;
    }
}

}  // namespace

void collapse(View& view) {
    std::vector<std::int64_t> shape, strides;
    for (std::size_t a = 0; a < view.shape.size(); ++a) {
        if (view.shape[a] == 1) continue;
        if (!shape.empty() && strides.back() == view.strides[a] * view.shape[a]) {
            shape.back() *= view.shape[a];
            strides.back() = view.strides[a];
        } else {
            shape.push_back(view.shape[a]);
            strides.push_back(view.strides[a]);
        }
    }
    view.shape = std::move(shape);
    view.strides = std::move(strides);
}

bool is_contiguous(const View& view) {
    return view.shape.empty() || (view.shape.size() == 1 && view.strides[0] == size_of(view.type));
}

template <class T>
void gather(const View& view, std::int64_t begin, std::int64_t count, T* to) {
    switch (view.type) {
        case Element::kFloat16:
            return gather_from<Half>(view, begin, count, to);
        case Element::kFloat32:
            return gather_from<float>(view, begin, count, to);
        case Element::kFloat64:
            return gather_from<double>(view, begin, count, to);
        case Element::kLongDouble:
            return gather_from<long double>(view, begin, count, to);
        case Element::kInt8:
            return gather_from<std::int8_t>(view, begin, count, to);
        case Element::kInt16:
            return gather_from<std::int16_t>(view, begin, count, to);
        case Element::kInt32:
            return gather_from<std::int32_t>(view, begin, count, to);
        case Element::kInt64:
            return gather_from<std::int64_t>(view, begin, count, to);
        case Element::kUInt8:
            return gather_from<std::uint8_t>(view, begin, count, to);
        case Element::kUInt16:
            return gather_from<std::uint16_t>(view, begin, count, to);
        case Element::kUInt32:
            return gather_from<std::uint32_t>(view, begin, count, to);
        case Element::kUInt64:
            return gather_from<std::uint64_t>(view, begin, count, to);
    }
}

template <class T>
void scatter(const View& view, std::int64_t begin, std::int64_t count, const T* from) {
    for_each_run(view, begin, count,
                 [from](char* first, std::int64_t stride, std::int64_t n, std::int64_t done) {
                     for (std::int64_t k = 0; k < n; ++k)
                         std::memcpy(first + k * stride, from + done + k, sizeof(T));
                 });
}

template void gather(const View&, std::int64_t, std::int64_t, float*);
template void gather(const View&, std::int64_t, std::int64_t, double*);
template void scatter(const View&, std::int64_t, std::int64_t, const float*);
template void scatter(const View&, std::int64_t, std::int64_t, const double*);

}  // namespace schuss

#include "runtime/strided.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

#include "dispatch/dispatch.hpp"

namespace schuss {
namespace {

constexpr std::size_t kMaxAxes = 64;  // NumPy's own limit

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

}  // namespace

std::int64_t View::count() const {
    return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

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
    return view.shape.empty() ||
           (view.shape.size() == 1 && view.strides[0] == kBytes[static_cast<int>(view.type)]);
}

char* address(const View& view, std::int64_t place) {
    char* at = view.data;
    for (std::size_t a = view.shape.size(); a-- > 0; place /= view.shape[a])
        at += place % view.shape[a] * view.strides[a];
    return at;
}

bool is_turned(const View& view) {
    const std::size_t axes = view.shape.size();
    const std::int64_t size = kBytes[static_cast<int>(view.type)];
    return axes > 1 && view.strides[axes - 2] == size && view.strides[axes - 1] > size;
}

Operand operand(const View& array, const std::vector<int>& axes, DType dtype) {
    Operand result;
    result.view.data = array.data;
    result.view.type = array.type;
    for (const int a : axes) {
        result.view.shape.push_back(array.shape[static_cast<std::size_t>(a)]);
        result.view.strides.push_back(array.strides[static_cast<std::size_t>(a)]);
    }
    collapse(result.view);
    result.direct = static_cast<int>(array.type) == dtype && is_contiguous(result.view);
    return result;
}

std::vector<int> c_order(std::size_t axes) {
    std::vector<int> order(axes);
    std::iota(order.begin(), order.end(), 0);
    return order;
}

void gather(const View& view, std::int64_t begin, std::int64_t count, DType dtype, void* to) {
    const LoadKernel load = kernels().load[static_cast<int>(view.type)][dtype];
    for_each_run(view, begin, count,
                 [&](const char* first, std::int64_t stride, std::int64_t n, std::int64_t done) {
                     load(first, stride, n, static_cast<char*>(to) + done * kBytes[dtype]);
                 });
}

void scatter(const View& view, std::int64_t begin, std::int64_t count, DType dtype,
             const void* from) {
    const StoreKernel store = kernels().store[static_cast<int>(view.type)][dtype];
    for_each_run(view, begin, count,
                 [&](char* first, std::int64_t stride, std::int64_t n, std::int64_t done) {
                     store(static_cast<const char*>(from) + done * kBytes[dtype], n, first, stride);
                 });
}

}  // namespace schuss

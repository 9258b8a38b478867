#include "solvers/bounds.hpp"

#include <algorithm>

namespace schuss {
namespace {

void copy_from_doubles(const double* from, const Vector& to) {
    if (to.dtype() == kFloat32)
        std::copy_n(from, to.size(), reinterpret_cast<float*>(to.data()));
    else
        std::copy_n(from, to.size(), to.doubles());
}

}  // namespace

Bounds::Bounds(DType dtype, std::int64_t count, const double* lower, const double* upper)
    : lower_(count, dtype, 7), upper_(count, dtype, 0) {
    copy_from_doubles(lower, lower_);
    copy_from_doubles(upper, upper_);
}

double Bounds::at(const Vector& of, std::int64_t i) const {
    const std::int64_t k = of.size() == 1 ? 0 : i;
    return of.dtype() == kFloat32 ? static_cast<double>(reinterpret_cast<float*>(of.data())[k])
                                  : of.doubles()[k];
}

Box Bounds::box(double reach) const {
    const bool pair = lower_.size() == 1;
    return {pair ? nullptr : lower_.data(), pair ? nullptr : upper_.data(), lower(0), upper(0),
            reach};
}

void Bounds::clip(char* x, std::int64_t n) const {
    const auto each = [&](auto* values) {
        using T = std::remove_pointer_t<decltype(values)>;
        for (std::int64_t i = 0; i < n; ++i)
            values[i] = std::clamp(values[i], static_cast<T>(lower(i)), static_cast<T>(upper(i)));
    };
    if (lower_.dtype() == kFloat32)
        each(reinterpret_cast<float*>(x));
    else
        each(reinterpret_cast<double*>(x));
}

}  // namespace schuss

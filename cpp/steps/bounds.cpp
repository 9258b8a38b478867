#include "steps/bounds.hpp"

#include <algorithm>

namespace schuss {

Bounds::Bounds(DType dtype, std::int64_t count, const double* lower, const double* upper)
    : lower_(count, dtype, 7), upper_(count, dtype, 0) {
    copy_from_doubles(lower, count, dtype, lower_.data());
    copy_from_doubles(upper, count, dtype, upper_.data());
}

double Bounds::at(const Vector& of, std::size_t i) const {
    const std::size_t k = of.size() == 1 ? 0 : i;
    return of.dtype() == kFloat32 ? static_cast<double>(reinterpret_cast<float*>(of.data())[k])
                                  : of.doubles()[k];
}

Box Bounds::box() const {
    const bool pair = lower_.size() == 1;
    return {pair ? nullptr : lower_.data(), pair ? nullptr : upper_.data(), lower(0), upper(0),
            0.0};
}

void Bounds::clip(char* x, std::size_t n) const {
    const auto each = [&](auto* values) {
        using T = std::remove_pointer_t<decltype(values)>;
        for (std::size_t i = 0; i < n; ++i)
            values[i] = std::clamp(values[i], static_cast<T>(lower(i)), static_cast<T>(upper(i)));
    };
    if (lower_.dtype() == kFloat32)
        each(reinterpret_cast<float*>(x));
    else
        each(reinterpret_cast<double*>(x));
}

}  // namespace schuss

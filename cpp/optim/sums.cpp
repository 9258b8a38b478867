#include "optim/sums.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "dispatch/dispatch.hpp"
#include "runtime/float_environment.hpp"
#include "runtime/parallel.hpp"

namespace schuss {
namespace {

std::size_t tensor_at(const std::vector<std::int64_t>& offsets, std::int64_t element) {
    return static_cast<std::size_t>(std::upper_bound(offsets.begin(), offsets.end(), element) -
                                    offsets.begin() - 1);
}

// Elements [begin, begin + count) of all gradients, at most kBlock, in double.
void gather_gradients(const Plan& plan, std::int64_t begin, std::int64_t count, double* to) {
    for (std::size_t t = tensor_at(plan.offsets, begin); count > 0; ++t) {
        const Tensor& tensor = plan.tensors[t];
        const std::int64_t at = tensor.first + begin - plan.offsets[t];
        const std::int64_t n = std::min(count, plan.offsets[t + 1] - begin);
        if (tensor.resting) {
            std::fill_n(to, n, 0.0);
        } else if (tensor.dtype == kFloat64) {
            gather(tensor.ordered_grad.view, at, n, kFloat64, to);
        } else {
            float narrow[kBlock];
            gather(tensor.ordered_grad.view, at, n, kFloat32, narrow);
            std::copy_n(narrow, n, to);
        }
        to += n;
        begin += n;
        count -= n;
    }
}

template <class T>
std::int64_t count_unfit(const Tensor& tensor, const Policy& by, bool squares) {
    const T scale = static_cast<T>(by.scale), limit = static_cast<T>(by.limit);
    T buffer[kBlock];
    std::int64_t found = 0;
    for (std::int64_t at = 0; at < tensor.count; at += kBlock) {
        const std::int64_t n = std::min(kBlock, tensor.count - at);
        gather(tensor.grad.view, tensor.first + at, n, tensor.dtype, buffer);
        found += std::count_if(buffer, buffer + n, [&](T g) {
            const T prepared = std::clamp(scale * g, -limit, limit);
            return !std::isfinite(g) || !std::isfinite(squares ? prepared * prepared : prepared);
        });
    }
    return found;
}

}  // namespace

std::vector<double> block_sums(const Plan& plan, double scale, int threads) {
    const FloatEnvironment pinned;
    const SumSquaresKernel* kernel = kernels().sum_squares;
    const std::int64_t total = plan.offsets.back(), blocks = (total + kBlock - 1) / kBlock;
    const Row& moving = plan.moving;
    std::vector<double> sums(static_cast<std::size_t>(blocks));
    // Blocks of resting tensors stay 0 and are no work.
    const auto cut = [&](int task) {
        if (task == threads || moving.total() == 0) return task == 0 ? 0 : blocks;
        const std::int64_t element = moving.total() * task / threads;
        const std::size_t k = tensor_at(moving.offsets, element);
        return (plan.offsets[moving.tensors[k]] + (element - moving.offsets[k])) / kBlock;
    };
    parallel_for(threads, [&](int task) {
        double buffer[kBlock];
        const std::int64_t end = cut(task + 1);
        for (std::int64_t b = cut(task); b < end;) {
            const std::int64_t begin = b * kBlock;
            const std::size_t t = tensor_at(plan.offsets, begin);
            const Tensor& tensor = plan.tensors[t];
            const std::int64_t at = tensor.first + begin - plan.offsets[t];
            // As many whole blocks as the tensor holds from here, and its last one where the sum
            // ends.
            const std::int64_t left = plan.offsets[t + 1] - begin;
            const bool last = plan.offsets[t + 1] == total;
            const std::int64_t whole =
                std::min(end - b, last ? (left + kBlock - 1) / kBlock : left / kBlock);
            double* out = &sums[static_cast<std::size_t>(b)];
            if (whole > 0 && tensor.resting) {
                b += whole;
            } else if (whole > 0 && tensor.ordered_grad.direct) {
                kernel[tensor.dtype](tensor.ordered_grad.view.data + at * kBytes[tensor.dtype],
                                     std::min(left, whole * kBlock), scale, out);
                b += whole;
            } else {
                const std::int64_t count = std::min(kBlock, total - begin);
                gather_gradients(plan, begin, count, buffer);
                kernel[kFloat64](reinterpret_cast<const char*>(buffer), count, scale, out);
                b += 1;
            }
        }
    });
    return sums;
}

double norm_of(const std::function<std::vector<double>(double)>& sums) {
    const FloatEnvironment pinned;
    const auto total = [&](double scale) {
        double sum = 0.0;
        for (const double block : sums(scale)) sum += block;
        return sum;
    };
    const double sum = total(1.0);
    if (sum >= 0x1p-900 && sum <= 0x1p1000) return std::sqrt(sum);
    // Squares of doubles may leave the range where their root does not: a power of two moves them,
    // exactly.
    const double shift = sum < 1.0 ? 0x1p600 : 0x1p-600;
    return std::sqrt(total(shift)) / shift;
}

double gradient_norm(const Plan& plan, int threads) {
    return norm_of([&](double scale) { return block_sums(plan, scale, threads); });
}

Unfit find_unfit(const Plan& plan, const Policy& by, bool squares) {
    const FloatEnvironment pinned;
    Unfit unfit;
    for (std::size_t t = plan.tensors.size(); t-- > 0;) {
        const Tensor& tensor = plan.tensors[t];
        if (tensor.resting) continue;
        const std::int64_t found =
            (tensor.dtype == kFloat32 ? count_unfit<float> : count_unfit<double>)(tensor, by,
                                                                                  squares);
        unfit.count += found;
        if (found > 0) unfit.first = t;
    }
    return unfit;
}

double surely_fit(const Plan& plan, bool squares) {
    const double largest = plan.narrowest == kFloat32 ? std::numeric_limits<float>::max()
                                                      : std::numeric_limits<double>::max();
    return 0.5 * (squares ? std::sqrt(largest) : largest);  // half, since norms are rounded
}

}  // namespace schuss

#include "runtime/step.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "dispatch/dispatch.hpp"
#include "runtime/float_environment.hpp"
#include "runtime/parallel.hpp"
#include "runtime/states.hpp"

namespace schuss {
namespace {

// Below this many elements a task is not worth a thread (bench/bench_threads.py).
constexpr std::int64_t kGrain = 32768;

// Cuts within a tensor fall on multiples of this many elements: whole cache lines, whole vectors.
constexpr std::int64_t kCut = 64;

// A step that touches more bytes than this finds little of them in a cache.
constexpr std::int64_t kStreaming = 16 << 20;

// Elements that are gathered at a time where an array is not direct.
constexpr std::int64_t kGatherTile = 2048;

// The tensor that has this element; offsets as in Plan.
std::size_t tensor_at(const std::vector<std::int64_t>& offsets, std::int64_t element) {
    return static_cast<std::size_t>(std::upper_bound(offsets.begin(), offsets.end(), element) -
                                    offsets.begin() - 1);
}

// Elements [begin, end) of one tensor.
template <class T>
void update_tensor(UpdateKernel kernel, int n_slots, const Tensor& tensor, std::int64_t begin,
                   std::int64_t end, const Group& group, bool streaming) {
    alignas(64) T param[kGatherTile];
    alignas(64) T grad[kGatherTile];
    const auto update_piece = [&](std::int64_t at, std::int64_t count) {
        const std::int64_t bytes = at * static_cast<std::int64_t>(sizeof(T));
        Piece piece;
        piece.count = count;
        piece.streaming = streaming;
        for (int s = 0; s < n_slots; ++s) piece.slots[s] = tensor.slots[s] + bytes;
        if (tensor.grad.direct) {
            piece.grad = tensor.grad.view.data + bytes;
        } else {
            gather(tensor.grad.view, at, count, grad);
            piece.grad = reinterpret_cast<const char*>(grad);
        }
        if (tensor.param.direct) {
            piece.param = tensor.param.view.data + bytes;
        } else {
            gather(tensor.param.view, at, count, param);
            piece.param = reinterpret_cast<char*>(param);
        }
        kernel(piece, group.coefficients, group.preparation);
        if (!tensor.param.direct) scatter(tensor.param.view, at, count, param);
    };
    if (tensor.param.direct && tensor.grad.direct) return update_piece(begin, end - begin);
    for (; begin < end; begin += kGatherTile)
        update_piece(begin, std::min(kGatherTile, end - begin));
}

}  // namespace

int useful_threads(const Plan& plan) {
    return static_cast<int>(
        std::clamp<std::int64_t>(plan.trained.back() / kGrain, 1, get_num_threads()));
}

void update(const Rule& rule, const Plan& plan, const std::vector<Group>& groups, int threads) {
    const std::vector<std::int64_t>& offsets = plan.trained;
    const auto cut = [&](int task) {
        const std::int64_t element = offsets.back() * task / threads;
        if (task == 0 || task == threads) return element;
        const std::int64_t first = offsets[tensor_at(offsets, element)];
        return first + (element - first) / kCut * kCut;
    };
    std::int64_t bytes = 0;
    for (const Tensor& t : plan.tensors)
        if (!t.frozen) bytes += t.count * size_of(t.dtype) * (2 + rule.n_slots);
    const bool streaming = bytes > kStreaming;
    parallel_for(threads, [&](int task) {
        const std::int64_t end = cut(task + 1);
        std::int64_t begin = cut(task);
        for (std::size_t t = tensor_at(offsets, begin); begin < end; ++t) {
            const std::int64_t first = offsets[t], last = std::min(end, offsets[t + 1]);
            if (begin == last) continue;
            const Tensor& tensor = plan.tensors[t];
            const Group& group = groups[static_cast<std::size_t>(tensor.group)];
            const Preparation& by = group.preparation;
            const bool plain = by.scale == 1.0 && by.l2 == 0.0 && std::isinf(by.limit);
            const UpdateKernel kernel = (plain ? rule.plain : rule.prepared)[tensor.dtype];
            (tensor.dtype == kFloat32 ? update_tensor<float>
                                      : update_tensor<double>)(kernel, rule.n_slots, tensor,
                                                               begin - first, last - first, group,
                                                               streaming);
            begin = last;
        }
    });
}

namespace {

// At most kBlock elements, converted to dtype and then, exactly, to double.
void gather_as(DType dtype, const View& view, std::int64_t begin, std::int64_t count, double* to) {
    if (dtype == kFloat64) return gather(view, begin, count, to);
    float narrow[kBlock];
    gather(view, begin, count, narrow);
    std::copy(narrow, narrow + count, to);
}

// Elements [begin, begin + count) of all gradients, at most kBlock.
void gather_gradients(const Plan& plan, std::int64_t begin, std::int64_t count, double* to) {
    for (std::size_t t = tensor_at(plan.offsets, begin); count > 0; ++t) {
        const Tensor& tensor = plan.tensors[t];
        const std::int64_t at = begin - plan.offsets[t];
        const std::int64_t n = std::min(count, plan.offsets[t + 1] - begin);
        if (tensor.frozen)
            std::fill_n(to, n, 0.0);
        else
            gather_as(tensor.dtype, tensor.ordered_grad.view, at, n, to);
        to += n;
        begin += n;
        count -= n;
    }
}

double sum_squares(const Plan& plan, double scale, int threads) {
    const SumSquaresKernel* kernel = kernels().sum_squares;
    const std::int64_t total = plan.offsets.back();
    const std::int64_t blocks = (total + kBlock - 1) / kBlock;
    std::vector<double> sums(static_cast<std::size_t>(blocks));
    // Blocks of frozen tensors stay 0 and are no work.
    const auto cut = [&](int task) {
        if (task == threads) return blocks;
        const std::int64_t element = plan.trained.back() * task / threads;
        const std::size_t t = tensor_at(plan.trained, element);
        return (plan.offsets[t] + (element - plan.trained[t])) / kBlock;
    };
    parallel_for(threads, [&](int task) {
        double buffer[kBlock];
        const std::int64_t end = cut(task + 1);
        for (std::int64_t b = cut(task); b < end;) {
            const std::int64_t begin = b * kBlock;
            const std::size_t t = tensor_at(plan.offsets, begin);
            const Tensor& tensor = plan.tensors[t];
            const std::int64_t at = begin - plan.offsets[t];
            // As many whole blocks as the tensor holds from here, and its last one where the sum
            // ends.
            const std::int64_t left = plan.offsets[t + 1] - begin;
            const bool last = plan.offsets[t + 1] == total;
            const std::int64_t whole =
                std::min(end - b, last ? (left + kBlock - 1) / kBlock : left / kBlock);
            double* out = &sums[static_cast<std::size_t>(b)];
            if (whole > 0 && tensor.frozen) {
                b += whole;
            } else if (whole > 0 && tensor.ordered_grad.direct) {
                kernel[tensor.dtype](tensor.ordered_grad.view.data + at * size_of(tensor.dtype),
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
    double sum = 0.0;
    for (const double block : sums) sum += block;
    return sum;
}

}  // namespace

double gradient_norm(const Plan& plan, int threads) {
    const FloatEnvironment pinned;
    const double sum = sum_squares(plan, 1.0, threads);
    if (sum >= 0x1p-900 && sum <= 0x1p1000) return std::sqrt(sum);
    // Squares of doubles may leave the range where their root does not: a power of two moves them,
    // exactly.
    const double shift = sum < 1.0 ? 0x1p600 : 0x1p-600;
    return std::sqrt(sum_squares(plan, shift, threads)) / shift;
}

namespace {

template <class T>
std::int64_t count_unfit(const Tensor& tensor, const Preparation& by, bool squares) {
    const T scale = static_cast<T>(by.scale), limit = static_cast<T>(by.limit);
    T buffer[kBlock];
    std::int64_t found = 0;
    for (std::int64_t at = 0; at < tensor.count; at += kBlock) {
        const std::int64_t n = std::min(kBlock, tensor.count - at);
        gather(tensor.grad.view, at, n, buffer);
        found += std::count_if(buffer, buffer + n, [&](T g) {
            const T prepared = std::clamp(scale * g, -limit, limit);
            return !std::isfinite(g) || !std::isfinite(squares ? prepared * prepared : prepared);
        });
    }
    return found;
}

}  // namespace

Unfit find_unfit(const Plan& plan, const Preparation& by, bool squares) {
    const FloatEnvironment pinned;
    Unfit unfit;
    for (std::size_t t = plan.tensors.size(); t-- > 0;) {
        const Tensor& tensor = plan.tensors[t];
        if (tensor.frozen) continue;
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

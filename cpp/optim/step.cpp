#include "optim/step.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "dispatch/dispatch.hpp"
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

// Elements that are brought to the first cache at a time where an array is not direct.
constexpr std::int64_t kCacheTile = 1024;

// Room for elements of either dtype.
template <std::int64_t n>
struct alignas(64) Buffer {
    char bytes[n * sizeof(double)];
};
using Tile = Buffer<kCacheTile>;
using WholeBlock = Buffer<kBlock>;

// Where elements [at, at + count) of a tensor are, in its compute dtype: in place, or in the
// buffer.
char* reach(const Operand& from, const Tensor& tensor, std::int64_t at, std::int64_t count,
            char* buffer) {
    const std::int64_t place = tensor.first + at;
    if (from.direct) return from.view.data + place * size_of(tensor.dtype);
    gather(from.view, place, count, tensor.dtype, buffer);
    return buffer;
}

// The factors of units for the elements of a tile, in walk order: in place, or in the buffer.
template <class T>
const char* spread_factors(const Tensor& tensor, std::int64_t at, std::int64_t count,
                           char* buffer) {
    T* to = reinterpret_cast<T*>(buffer);
    const T* factors = reinterpret_cast<const T*>(tensor.factors->data());
    for (std::int64_t i = 0; i < count;) {
        const std::int64_t place = tensor.first + at + i;
        const std::int64_t unit = place / tensor.unit_stride % tensor.units;
        if (tensor.unit_stride == 1) {
            const std::int64_t n = std::min(count - i, tensor.units - unit);
            if (n == count) return reinterpret_cast<const char*>(factors + unit);
            std::copy_n(factors + unit, n, to + i);
            i += n;
        } else {
            const std::int64_t left = tensor.unit_stride - place % tensor.unit_stride;
            const std::int64_t n = std::min(count - i, left);
            std::fill_n(to + i, n, factors[unit]);
            i += n;
        }
    }
    return buffer;
}

// The policy for gradients as `clipped` gives them.
Policy policy_of(const Tensor& tensor, Policy by) {
    if (tensor.factors) by.scale = 1.0, by.limit = INFINITY;  // done in the buffer
    return by;
}

// What the rule sees of gradients at g: in the buffer and clipped, where units are.
template <std::int64_t n>
const char* clipped(const Tensor& tensor, std::int64_t at, std::int64_t count, const Policy& by,
                    const char* g, Buffer<n>& buffer) {
    if (!tensor.factors) return g;
    Buffer<n> room;
    const auto spread = tensor.dtype == kFloat32 ? spread_factors<float> : spread_factors<double>;
    const char* factors = spread(tensor, at, count, room.bytes);
    kernels().scale[tensor.dtype](g, factors, count, by, buffer.bytes);
    return buffer.bytes;
}

// Elements [begin, end) of one tensor.
void update_tensor(const Rule& rule, const Tensor& tensor, std::int64_t begin, std::int64_t end,
                   const Coefficients& by, double keep, bool streaming) {
    const std::int64_t size = size_of(tensor.dtype);
    const bool shadow = tensor.shadow.view.data != nullptr;
    const Policy policy = policy_of(tensor, by.policy);
    const bool plain = policy.scale == 1.0 && policy.l2 == 0.0 && std::isinf(policy.limit);
    const Part part = !plain ? kAll : policy.decay != 0.0 ? kDecay : kNothing;
    const UpdateKernel kernel = rule.update[tensor.dtype][part];
    Piece piece;
    piece.streaming = streaming;
    const auto slots_at = [&](std::int64_t at) {
        for (int s = 0; s < rule.n_slots; ++s) piece.slots[s] = tensor.slots[s] + at * size;
    };
    if (tensor.param.direct && tensor.grad.direct && !tensor.factors && !tensor.average &&
        !shadow) {
        piece.count = end - begin;
        piece.param = tensor.param.view.data + (tensor.first + begin) * size;
        piece.grad = tensor.grad.view.data + (tensor.first + begin) * size;
        slots_at(begin);
        return kernel(piece, by.of_rule, policy);
    }
    Tile param, grad;
    // `count` elements, whose gradients are at g in the compute dtype.
    const auto step_tile = [&](std::int64_t at, std::int64_t count, const char* g) {
        piece.count = count;
        piece.param = reach(tensor.param, tensor, at, count, param.bytes);
        piece.grad = clipped(tensor, at, count, by.policy, g, grad);
        slots_at(at);
        kernel(piece, by.of_rule, policy);
        const std::int64_t place = tensor.first + at;
        if (!tensor.param.direct)
            scatter(tensor.param.view, place, count, tensor.dtype, piece.param);
        if (shadow) scatter(tensor.shadow.view, place, count, tensor.dtype, piece.param);
        if (!tensor.average) return;
        piece.param = reach(tensor.param, tensor, at, count, param.bytes);  // as it is stored
        kernels().average[tensor.dtype](tensor.average + at * size, piece.param, count, keep,
                                        streaming);
    };
    const auto step_row = [&](std::int64_t at, std::int64_t last) {
        for (; at < last; at += kCacheTile) {
            const std::int64_t count = std::min(kCacheTile, last - at);
            step_tile(at, count, reach(tensor.grad, tensor, at, count, grad.bytes));
        }
    };
    const View& view = tensor.grad.view;
    if (!is_turned(view)) return step_row(begin, end);
    // Whole rows of a matrix whose columns lie together, a block at a time.
    const std::int64_t columns = view.shape.back(), rows = view.shape[view.shape.size() - 2];
    const int type = static_cast<int>(view.type);
    Buffer<kDown * kAcross> block;
    for (std::int64_t at = begin; at < end;) {
        const std::int64_t place = tensor.first + at, row = place / columns;
        const std::int64_t down = std::min({kDown, rows - row % rows, (end - at) / columns});
        if (place % columns != 0 || down == 0) {
            const std::int64_t last = std::min(end, at + columns - place % columns);
            step_row(at, last);
            at = last;
            continue;
        }
        for (std::int64_t c = 0; c < columns; c += kAcross) {
            const std::int64_t across = std::min(kAcross, columns - c);
            kernels().turn[type](address(view, place + c), view.strides.back(), kBytes[type], down,
                                 across, block.bytes);
            for (std::int64_t r = 0; r < down; ++r) {
                kernels().load[type][tensor.dtype](block.bytes + r * kAcross * kBytes[type],
                                                   kBytes[type], across, grad.bytes);
                step_tile(at + r * columns + c, across, grad.bytes);
            }
        }
        at += down * columns;
    }
}

// Calls work(tensor, begin, end) for one balanced share of a row's elements a thread.
template <class Work>
void share_out(const Plan& plan, const Row& row, int threads, std::int64_t cut_at,
               const Work& work) {
    const std::vector<std::int64_t>& offsets = row.offsets;
    const auto at = [&](std::int64_t element) {
        return static_cast<std::size_t>(std::upper_bound(offsets.begin(), offsets.end(), element) -
                                        offsets.begin() - 1);
    };
    const auto cut = [&](int task) {
        const std::int64_t element = row.total() * task / threads;
        if (task == 0 || task == threads) return element;
        const std::size_t k = at(element);
        const Tensor& tensor = plan.tensors[row.tensors[k]];
        // Cuts lie on multiples in the grid of sums where these are asked for, else in the tensor.
        const std::int64_t before = cut_at == kCut ? 0 : plan.offsets[row.tensors[k]] % cut_at;
        const std::int64_t inside = (element - offsets[k] + before) / cut_at * cut_at - before;
        return offsets[k] + std::clamp<std::int64_t>(inside, 0, tensor.count);
    };
    parallel_for(threads, [&](int task) {
        const std::int64_t end = cut(task + 1);
        std::int64_t begin = cut(task);
        for (std::size_t k = at(begin); begin < end; ++k) {
            const std::int64_t first = offsets[k], last = std::min(end, offsets[k + 1]);
            if (begin == last) continue;
            work(row.tensors[k], begin - first, last - first);
            begin = last;
        }
    });
}

// Units [begin, end) of a tensor: the sums of squares of its parameter and its prepared gradient.
template <class T>
void unit_sums(const Tensor& tensor, const Policy& policy, std::int64_t begin, std::int64_t end,
               double* of_param, double* of_grad) {
    const KernelTable& table = kernels();
    const std::int64_t run = tensor.count / tensor.units / tensor.units_before;
    const std::int64_t size = sizeof(T), apart = tensor.units * run;
    const Policy prepare{policy.scale, policy.limit, 0.0, 0.0};
    const bool as_it_is = policy.scale == 1.0 && std::isinf(policy.limit);
    WholeBlock buffer, ones;
    std::fill_n(reinterpret_cast<T*>(ones.bytes), kBlock, T{1});
    // Calls add(x, stride) for `rows` runs of n elements, `apart` elements from one to the next.
    const auto at_place = [&](const Operand& from, bool prepared, std::int64_t place,
                              std::int64_t rows, std::int64_t n, const auto& add) {
        if (prepared && from.direct)
            return add(from.view.data + (tensor.first + place) * size, apart * size);
        for (std::int64_t r = 0; r < rows; ++r) {
            char* const to = buffer.bytes + r * n * size;
            const char* x = reach(from, tensor, place + r * apart, n, to);
            if (!prepared) table.scale[tensor.dtype](x, ones.bytes, n, prepare, to);
        }
        add(buffer.bytes, n * size);
    };
    const auto add_all = [&](const Operand& from, bool prepared, double* sums) {
        if (run == 1) {  // some rows at a time, so that their sums are read and written once
            constexpr std::int64_t kRows = 4, kColumns = kBlock / kRows;
            for (std::int64_t a = 0; a < tensor.units_before; a += kRows)
                for (std::int64_t k = begin; k < end; k += kColumns) {
                    const std::int64_t rows = std::min(kRows, tensor.units_before - a);
                    const std::int64_t n = std::min(kColumns, end - k);
                    at_place(from, prepared, a * apart + k, rows, n,
                             [&](const char* x, std::int64_t stride) {
                                 table.squares[tensor.dtype](x, stride, rows, n, sums + k);
                             });
                }
            return;
        }
        for (std::int64_t a = 0; a < tensor.units_before; ++a)
            for (std::int64_t k = begin; k < end; ++k) {
                double of_run = 0.0;
                for (std::int64_t at = 0; at < run; at += kBlock) {
                    const std::int64_t n = std::min(kBlock, run - at);
                    at_place(from, prepared, a * apart + k * run + at, 1, n,
                             [&](const char* x, std::int64_t) {
                                 double sum;
                                 table.sum_squares[tensor.dtype](x, n, 1.0, &sum);
                                 of_run += sum;
                             });
                }
                sums[k] += of_run;
            }
    };
    add_all(tensor.ordered_param, true, of_param);
    add_all(tensor.ordered_grad, as_it_is, of_grad);
}

}  // namespace

int useful_threads(std::int64_t elements) {
    return static_cast<int>(std::clamp<std::int64_t>(elements / kGrain, 1, get_num_threads()));
}

void update(const Rule& rule, const Plan& plan, const Row& row,
            std::span<const Coefficients> coefficients, int threads) {
    std::int64_t bytes = 0;
    for (const std::size_t t : row.tensors)
        bytes += plan.tensors[t].count * size_of(plan.tensors[t].dtype) * (2 + rule.n_slots);
    const bool streaming = bytes > kStreaming;
    share_out(plan, row, threads, kCut, [&](std::size_t t, std::int64_t begin, std::int64_t end) {
        const Tensor& tensor = plan.tensors[t];
        update_tensor(rule, tensor, begin, end,
                      coefficients[static_cast<std::size_t>(tensor.coefficients)], plan.keep,
                      streaming);
    });
}

void gather(const Rule& rule, const Plan& plan, const Row& row,
            std::span<const Coefficients> coefficients, double* sums, int threads) {
    share_out(plan, row, threads, kBlock, [&](std::size_t t, std::int64_t begin, std::int64_t end) {
        const Tensor& tensor = plan.tensors[t];
        const Coefficients& by = coefficients[static_cast<std::size_t>(tensor.coefficients)];
        const std::int64_t before = plan.offsets[t] % kBlock, size = size_of(tensor.dtype);
        double* out = sums + (plan.first_pieces[t] + (begin + before) / kBlock) * rule.n_sums;
        WholeBlock param, grad;
        for (std::int64_t at = begin; at < end; out += rule.n_sums) {
            Piece piece;
            piece.streaming = false;
            piece.count = std::min(end - at, kBlock - (at + before) % kBlock);
            piece.param = reach(tensor.param, tensor, at, piece.count, param.bytes);
            piece.grad = clipped(tensor, at, piece.count, by.policy,
                                 reach(tensor.grad, tensor, at, piece.count, grad.bytes), grad);
            for (int s = 0; s < rule.n_slots; ++s) piece.slots[s] = tensor.slots[s] + at * size;
            rule.gather[tensor.dtype](piece, by.of_rule, policy_of(tensor, by.policy), out);
            at += piece.count;
        }
    });
}

void clip_units(Plan& plan, const Row& row, std::span<const Coefficients> coefficients,
                int threads) {
    for (const std::size_t t : row.tensors) {
        Tensor& tensor = plan.tensors[t];
        const Coefficients& by = coefficients[static_cast<std::size_t>(tensor.coefficients)];
        tensor.factors.reset();
        if (std::isinf(by.max_ratio) || tensor.count == 0) continue;
        const auto units = static_cast<std::size_t>(tensor.units);
        std::vector<double> param(units), grad(units);
        const int tasks = tensor.count < 2 * kGrain
                              ? 1
                              : static_cast<int>(std::min<std::int64_t>(threads, tensor.units));
        parallel_for(tasks, [&](int task) {
            const std::int64_t begin = tensor.units * task / tasks,
                               end = tensor.units * (task + 1) / tasks;
            (tensor.dtype == kFloat32
                 ? unit_sums<float>
                 : unit_sums<double>)(tensor, by.policy, begin, end, param.data(), grad.data());
        });
        bool clipped = false;
        for (std::size_t k = 0; k < units; ++k) {
            const double norm = std::sqrt(grad[k]);
            const double most = by.max_ratio * std::max(std::sqrt(param[k]), by.least_norm);
            const bool beyond = norm > most;
            grad[k] = beyond ? most / std::max(norm, 1e-6) : 1.0;
            clipped |= beyond;
        }
        if (!clipped) continue;
        tensor.factors = std::make_unique<std::vector<char>>(
            units * static_cast<std::size_t>(size_of(tensor.dtype)));
        if (tensor.dtype == kFloat32)
            std::transform(grad.begin(), grad.end(),
                           reinterpret_cast<float*>(tensor.factors->data()),
                           [](double f) { return static_cast<float>(f); });
        else
            std::copy(grad.begin(), grad.end(), reinterpret_cast<double*>(tensor.factors->data()));
    }
}

}  // namespace schuss

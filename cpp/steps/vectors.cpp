#include "steps/vectors.hpp"

#include <algorithm>
#include <cmath>

#include "dispatch/dispatch.hpp"
#include "runtime/share.hpp"

namespace schuss {
namespace {

// Rows that take more bytes than this come from memory.
constexpr std::int64_t kStreaming = 32 << 20;

}  // namespace

void copy_as_doubles(DType dtype, const char* from, std::int64_t n, double* to) {
    if (dtype == kFloat32)
        std::copy_n(reinterpret_cast<const float*>(from), n, to);
    else
        std::copy_n(reinterpret_cast<const double*>(from), n, to);
}

void copy_from_doubles(const double* from, std::int64_t n, DType dtype, char* to) {
    if (dtype == kFloat32)
        std::copy_n(from, n, reinterpret_cast<float*>(to));
    else
        std::copy_n(from, n, reinterpret_cast<double*>(to));
}

VectorWork::VectorWork(std::int64_t n, DType iterates, DType directions)
    : n_(n), iterates_(iterates), directions_(directions) {}

const VectorKernels& VectorWork::kernel() const {
    return kernels().vectors[iterates_][directions_];
}

// Calls block(begin, count, sums) for each block, and adds its sums up in order into totals, in
// whichever order a thread takes its blocks.
template <class Block>
void VectorWork::blocks(std::int64_t streams, int n_sums, double* totals, const Block& block,
                        Order order) {
    const std::int64_t count = (n_ + kBlock - 1) / kBlock, sums = n_sums;
    if (count == 1) return block(0, n_, totals);
    of_blocks_.resize(static_cast<std::size_t>(count * sums));
    // Of float32 as of float64: it becomes that on the way, and takes about as long.
    const auto bytes = static_cast<double>(n_ * streams * size_of(kFloat64));
    share_evenly(
        parallel ? threads_for(count, {.bytes = bytes}) : 1, count,
        [&](int, std::int64_t first, std::int64_t end) {
            for (std::int64_t k = first; k < end; ++k) {
                const std::int64_t b = order == Order::kAscending ? k : first + end - 1 - k;
                block(b * kBlock, std::min(kBlock, n_ - b * kBlock), of_blocks_.data() + b * sums);
            }
        });
    std::fill_n(totals, sums, 0.0);
    for (std::int64_t b = 0; b < count; ++b)
        for (std::int64_t k = 0; k < sums; ++k)
            totals[k] += of_blocks_[static_cast<std::size_t>(b * sums + k)];
}

double VectorWork::dot(const double* a, const double* b) {
    const Probe by{reinterpret_cast<const char*>(a), reinterpret_cast<const char*>(b)};
    return probe_with(kernels().vectors[kFloat64][kFloat64].probe, by).slope;
}

double VectorWork::largest(int k, int n_sums, const double* totals) const {
    if (n_ <= kBlock) return totals[k];
    double largest = 0.0;
    for (auto b = static_cast<std::size_t>(k); b < of_blocks_.size();
         b += static_cast<std::size_t>(n_sums))
        largest = std::max(largest, of_blocks_[b]);
    return largest;
}

VectorWork::Sizes VectorWork::probe(const Probe& by) { return probe_with(kernel().probe, by); }

VectorWork::Sizes VectorWork::norms(const char* g, const Box* box, const char* x) {
    return probe_with(kernels().vectors[iterates_][iterates_].probe, {g, g, box, x, g});
}

VectorWork::Sizes VectorWork::probe_with(ProbeKernel kernel, const Probe& by) {
    double totals[kBoxedSums] = {};
    const int sums = by.box ? kBoxedSums : kProbeSums;
    blocks(by.box ? 6 : 2, sums, totals, [&](std::int64_t begin, std::int64_t count, double* to) {
        kernel(by, begin, count, to);
    });
    const bool finite = std::isfinite(totals[1]) && (!by.box || std::isfinite(totals[0]));
    return {totals[0], totals[1], largest(2, sums, totals), finite, totals[3],
            totals[4], totals[5]};
}

VectorWork::Compared VectorWork::compare(const Trial& by) {
    constexpr int kSums = 5;
    double totals[kSums];
    const TrialKernel kernel = kernels().trial[iterates_];
    blocks(6, kSums, totals, [&](std::int64_t begin, std::int64_t count, double* sums) {
        kernel(by, begin, count, sums);
    });
    return {totals[0], totals[1], totals[2], totals[3], largest(4, kSums, totals)};
}

const std::vector<double>& VectorWork::pair(CurvaturePair by) {
    by.streaming = (by.n_rows + 4) * n_ * size_of(directions_) > kStreaming;
    products_.resize(static_cast<std::size_t>(2 * by.n_rows));
    blocks(by.n_rows + 6, 2 * by.n_rows, products_.data(),
           [&](std::int64_t begin, std::int64_t count, double* sums) {
               kernel().pair(by, begin, count, sums);
           });
    return products_;
}

VectorWork::Direction VectorWork::combine(Combination by) {
    by.streaming = (by.n_rows + 4) * n_ * size_of(directions_) > kStreaming;
    // Backwards comes first to what pair() left in the cache: 13 % where the rows are twice its
    // size (n = 10^5, 8 MiB of L3), nothing or a loss where they are much larger.
    const Order order = by.streaming ? Order::kAscending : Order::kDescending;
    double totals[kBoxedCombinationSums] = {};
    const int sums = by.box ? kBoxedCombinationSums : kCombinationSums;
    blocks(
        by.n_rows + (by.box ? 6 : 4), sums, totals,
        [&](std::int64_t begin, std::int64_t count, double* to) {
            kernel().combination(by, begin, count, to);
        },
        order);
    return {totals[0], totals[1], by.box ? largest(2, sums, totals) : 0.0};
}

void VectorWork::advance(const Advance& by) {
    blocks(3, 0, nullptr, [&](std::int64_t begin, std::int64_t count, double*) {
        kernel().advance(by, begin, count);
    });
}

}  // namespace schuss

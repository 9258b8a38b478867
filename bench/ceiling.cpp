// The copy ceiling: in-place streams that read W + 1 arrays and write W of them, as an update rule
// with W - 1 slots does, with next to no arithmetic; copies from one array to another; pure reads.
// Shares nothing with schuss.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#ifdef _OPENMP
#include <omp.h>
#endif
#ifdef __linux__
#include <sys/mman.h>
#endif
#ifdef __SSE2__
#include <immintrin.h>
#endif

namespace {

using Index = std::int64_t;

#if defined(__AVX512F__)
typedef double Lanes __attribute__((vector_size(64)));
#elif defined(__AVX__)
typedef double Lanes __attribute__((vector_size(32)));
#else
typedef double Lanes __attribute__((vector_size(16)));
#endif
constexpr int kChains = 12;

constexpr Index kLine = 64;     // bytes
constexpr Index kAhead = 1024;  // bytes; 256 to 4096 were tried: all within 3 % of each other

// a <- (a + g) / 2 stays between the first a and g, so it never becomes denormal or infinite.
template <class T, int... K>
inline void block(T* const* arrays, Index begin, Index end, std::integer_sequence<int, K...>) {
    T* const a[] = {arrays[K]...};
    const T* const g = arrays[sizeof...(K)];
#pragma omp simd
    for (Index i = begin; i < end; ++i) {
        const T x = g[i];
        ((a[K][i] = T(0.5) * (a[K][i] + x)), ...);
    }
}

template <class T, int W, bool kPrefetch>
void sweep(T* const* arrays, Index begin, Index end) {
    constexpr std::make_integer_sequence<int, W> writes;
    if constexpr (kPrefetch) {
        constexpr Index step = kLine / sizeof(T), ahead = kAhead / sizeof(T);
        for (; begin + step <= end; begin += step) {
            for (int k = 0; k <= W; ++k) __builtin_prefetch(arrays[k] + begin + ahead);
            block(arrays, begin, begin + step, writes);
        }
    }
    block(arrays, begin, end, writes);
}

// Calls part(begin, end) on every thread: equal parts, each of whole cache lines.
template <class Part>
void share_out(Index n, int threads, const Part& part) {
    if (threads < 2) return part(0, n);
#pragma omp parallel num_threads(threads)
    {
#ifdef _OPENMP
        const Index of = omp_get_num_threads(), me = omp_get_thread_num();
#else
        const Index of = 1, me = 0;
#endif
        const Index lines = (n + 15) / 16;
        const Index begin = lines * me / of * 16, end = lines * (me + 1) / of * 16;
        part(begin, std::min(end, n));
    }
}

template <class T, int W, bool kPrefetch>
void run(void* const* arrays, Index n, int threads) {
    T* a[W + 1];
    for (int k = 0; k <= W; ++k) a[k] = static_cast<T*>(arrays[k]);
    share_out(n, threads, [&](Index begin, Index end) { sweep<T, W, kPrefetch>(a, begin, end); });
}

using Run = void (*)(void* const*, Index, int);

template <class T, int... W>
Run choose(int writes, bool prefetch, std::integer_sequence<int, W...>) {
    constexpr Run plain[] = {run<T, W + 1, false>...};
    constexpr Run ahead[] = {run<T, W + 1, true>...};
    return (prefetch ? ahead : plain)[writes - 1];
}

constexpr int kMaxWrites = 6;

// b <- a / 2 and not b <- a, which the compiler would turn into the memcpy that has its own name.
void plain_copy(const double* from, double* to, Index begin, Index end) {
#pragma omp simd
    for (Index i = begin; i < end; ++i) to[i] = 0.5 * from[i];
}

void library_copy(const double* from, double* to, Index begin, Index end) {
    std::memcpy(to + begin, from + begin, static_cast<std::size_t>(end - begin) * sizeof(double));
}

#if defined(__AVX512F__)
using Wide = __m512d;
void stream(double* to, const double* from) { _mm512_stream_pd(to, _mm512_loadu_pd(from)); }
#elif defined(__AVX__)
using Wide = __m256d;
void stream(double* to, const double* from) { _mm256_stream_pd(to, _mm256_loadu_pd(from)); }
#elif defined(__SSE2__)
using Wide = __m128d;
void stream(double* to, const double* from) { _mm_stream_pd(to, _mm_loadu_pd(from)); }
#else
using Wide = double;
void stream(double* to, const double* from) { *to = *from; }
#endif

// With stores that do not read the line first, where there are any.
void streaming_copy(const double* from, double* to, Index begin, Index end) {
    constexpr Index width = sizeof(Wide) / sizeof(double);
    for (; begin < end && reinterpret_cast<std::uintptr_t>(to + begin) % sizeof(Wide); ++begin)
        to[begin] = from[begin];
    for (; begin + width <= end; begin += width) stream(to + begin, from + begin);
    for (; begin < end; ++begin) to[begin] = from[begin];
#ifdef __SSE2__
    _mm_sfence();
#endif
}

// The sum of all elements, four arrays at a time, `block` elements of each before the next four.
double sum(const double* const* arrays, int count, Index begin, Index end, Index block) {
    double total = 0;
    for (Index first = begin; first < end; first += block) {
        const Index last = std::min(end, first + block);
        for (int k = 0; k < count; k += 4) {
            const double *const a = arrays[k], *const b = arrays[k + 1], *const c = arrays[k + 2],
                                *const d = arrays[k + 3];
#pragma omp simd reduction(+ : total)
            for (Index i = first; i < last; ++i) total += (a[i] + b[i]) + (c[i] + d[i]);
        }
    }
    return total;
}

}  // namespace

extern "C" {

int ceiling_max_writes() { return kMaxWrites; }

int ceiling_parallel() {
#ifdef _OPENMP
    return 1;
#else
    return 0;
#endif
}

// Asks for huge pages, before the first touch. Returns 1 when the system agrees.
int ceiling_huge_pages([[maybe_unused]] void* address, [[maybe_unused]] std::size_t bytes) {
#ifdef MADV_HUGEPAGE
    return madvise(address, bytes, MADV_HUGEPAGE) == 0;
#else
    return 0;
#endif
}

void ceiling_run(void* const* arrays, int writes, int item, Index n, int threads, int prefetch,
                 int passes) {
    constexpr std::make_integer_sequence<int, kMaxWrites> all;
    const Run run = item == 4 ? choose<float>(writes, prefetch != 0, all)
                              : choose<double>(writes, prefetch != 0, all);
    while (passes-- > 0) run(arrays, n, threads);
}

// From the first array to the second; how: 0 plain, 1 memcpy, 2 streaming stores.
void ceiling_copy(void* const* arrays, int how, Index n, int threads, int passes) {
    constexpr decltype(&plain_copy) ways[] = {plain_copy, library_copy, streaming_copy};
    const auto from = static_cast<const double*>(arrays[0]);
    const auto to = static_cast<double*>(arrays[1]);
    while (passes-- > 0)
        share_out(n, threads, [&](Index begin, Index end) { ways[how](from, to, begin, end); });
}

// Returns the sum over `count` arrays, a multiple of 4, and all passes.
double ceiling_read(void* const* arrays, int count, Index block, Index n, int threads, int passes) {
    double total = 0;
    while (passes-- > 0)
        share_out(n, threads, [&](Index begin, Index end) {
            const double part =
                sum(reinterpret_cast<const double* const*>(arrays), count, begin, end, block);
#pragma omp atomic
            total += part;
        });
    return total;
}

// Fused multiply-adds that wait for nothing but each other: kChains chains of as many lanes as a
// register has. Returns their sum; 2 flops each.
double ceiling_multiply_adds(Index steps) {
    Lanes chains[kChains];
    for (int k = 0; k < kChains; ++k) chains[k] = Lanes{} + (1.0 + k);
    const Lanes by = Lanes{} + 0.999, to = Lanes{} + 1e-9;
    for (; steps > 0; --steps)
#pragma GCC unroll 12
        for (int k = 0; k < kChains; ++k) chains[k] = chains[k] * by + to;
    double total = 0;
    for (const Lanes& chain : chains)
        for (std::size_t lane = 0; lane < sizeof chain / sizeof(double); ++lane)
            total += chain[lane];
    return total;
}

int ceiling_chained_lanes() { return kChains * static_cast<int>(sizeof(Lanes) / sizeof(double)); }
}

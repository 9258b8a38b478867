// The copy ceiling: in-place streams that read W + 1 arrays and write W of them, as an update rule
// with W - 1 slots does, with next to no arithmetic. Shares nothing with schuss.
#include <cstddef>
#include <cstdint>
#include <utility>
#ifdef _OPENMP
#include <omp.h>
#endif
#ifdef __linux__
#include <sys/mman.h>
#endif

namespace {

using Index = std::int64_t;

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

template <class T, int W, bool kPrefetch>
void run(void* const* arrays, Index n, int threads) {
    T* a[W + 1];
    for (int k = 0; k <= W; ++k) a[k] = static_cast<T*>(arrays[k]);
    if (threads < 2) return sweep<T, W, kPrefetch>(a, 0, n);
#pragma omp parallel num_threads(threads)
    {
#ifdef _OPENMP
        const Index of = omp_get_num_threads(), me = omp_get_thread_num();
#else
        const Index of = 1, me = 0;
#endif
        const Index lines = (n + 15) / 16;  // equal parts, each of whole cache lines
        const Index begin = lines * me / of * 16, end = lines * (me + 1) / of * 16;
        sweep<T, W, kPrefetch>(a, begin, end < n ? end : n);
    }
}

using Run = void (*)(void* const*, Index, int);

template <class T, int... W>
Run choose(int writes, bool prefetch, std::integer_sequence<int, W...>) {
    constexpr Run plain[] = {run<T, W + 1, false>...};
    constexpr Run ahead[] = {run<T, W + 1, true>...};
    return (prefetch ? ahead : plain)[writes - 1];
}

constexpr int kMaxWrites = 6;

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
}

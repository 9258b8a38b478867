#include "dispatch/cpu.hpp"

namespace schuss {

#if defined(__x86_64__)

bool cpu_has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

bool cpu_has_avx512() {
    return __builtin_cpu_supports("avx512f") && cpu_has_avx2() &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl");
}

#endif

}  // namespace schuss

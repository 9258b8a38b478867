#include "runtime/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif
#if defined(_OPENMP)
#include <omp.h>
#endif
#if defined(__linux__)
#include <sched.h>
#endif

#include "runtime/float_environment.hpp"

namespace schuss {
namespace {

std::atomic<int> thread_limit{1};
[[maybe_unused]] std::atomic<int> sharers{0};  // calls that have work for several threads
[[maybe_unused]] bool in_forked_child = false;
[[maybe_unused]] int openmp_default = 1;  // threads of a region of which nobody has said anything

#if defined(__linux__)
// The CPU quota of the control group that this process lives in; infinity without one.
double cgroup_cpus() {
    double cpus = INFINITY;
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        if (line.rfind("0::", 0) ==
            0) {  // version 2: "quota period" or "max period", in each parent too
            for (std::string path = line.substr(3);; path.erase(path.find_last_of('/'))) {
                std::ifstream file("/sys/fs/cgroup" + path + "/cpu.max");
                double quota, period;
                if (file >> quota >> period && period > 0) cpus = std::min(cpus, quota / period);
                if (path.find('/') == std::string::npos) break;
            }
        } else if (line.find(":cpu,") != std::string::npos ||
                   line.find(",cpu:") != std::string::npos ||
                   line.find(":cpu:") != std::string::npos) {
            const std::string path = "/sys/fs/cgroup/cpu" + line.substr(line.find_last_of(':') + 1);
            for (const std::string& folder : {path, std::string("/sys/fs/cgroup/cpu")}) {
                std::ifstream quota_file(folder + "/cpu.cfs_quota_us");
                std::ifstream period_file(folder + "/cpu.cfs_period_us");
                double quota, period;
                if (quota_file >> quota && period_file >> period && quota > 0 && period > 0)
                    cpus = std::min(cpus, quota / period);
            }
        }
    }
    return cpus;
}
#endif

int usable_cpus() {
    int cpus = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) cpus = std::max(1, CPU_COUNT(&set));
    cpus = static_cast<int>(std::min<double>(cpus, std::max(1.0, std::ceil(cgroup_cpus()))));
#endif
    return cpus;
}

// The whole number of at least 1 that the variable begins with, up to a comma; 0 where there is
// none.
int threads_from(const char* variable) {
    const char* text = std::getenv(variable);
    if (!text) return 0;
    char* end = nullptr;
    const long n = std::strtol(text, &end, 10);
    while (std::isspace(static_cast<unsigned char>(*end))) ++end;
    return n < 1 || n > 1 << 16 || (*end && *end != ',') ? 0 : static_cast<int>(n);
}

}  // namespace

void init_threads() {
    int n = threads_from("SCHUSS_NUM_THREADS");
    if (const char* text = std::getenv("SCHUSS_NUM_THREADS"); n == 0 && text && *text)
        throw std::invalid_argument(std::string("SCHUSS_NUM_THREADS is '") + text +
                                    "'; a whole number of at least 1 is wanted");
    if (n == 0) n = threads_from("OMP_NUM_THREADS");
    if (n == 0) n = usable_cpus();
    thread_limit = n;
#if defined(_OPENMP)
    openmp_default = threads_from("OMP_NUM_THREADS");
    if (openmp_default == 0) openmp_default = omp_get_num_procs();
#endif
#if defined(__unix__) || defined(__APPLE__)
    pthread_atfork(nullptr, nullptr, [] {
        in_forked_child = true;
        sharers = 0;
    });
#endif
}

void set_num_threads(int n) {
    if (n < 1)
        throw std::invalid_argument("n is " + std::to_string(n) + "; at least 1 thread is wanted");
    thread_limit = n;
}

int get_num_threads() {
#if defined(_OPENMP)
    if (in_forked_child) return 1;
    const int allowed = omp_get_max_threads();  // of this thread; threadpoolctl lowers it
    return allowed < openmp_default ? std::min(allowed, thread_limit.load()) : thread_limit.load();
#else
    return 1;
#endif
}

bool has_openmp() {
#if defined(_OPENMP)
    return true;
#else
    return false;
#endif
}

void run_tasks(int tasks, void (*run)(const void*, int), const void* context) {
#if defined(_OPENMP)
    if (tasks > 1 && !in_forked_child) {
        struct Sharer {
            const bool alone = sharers.fetch_add(1) == 0;
            ~Sharer() { --sharers; }
        } const sharer;
        if (sharer.alone) {
#pragma omp parallel for num_threads(tasks) schedule(static, 1)
            for (int k = 0; k < tasks; ++k) {
                const FloatEnvironment pinned;
                run(context, k);
            }
            return;
        }
        const FloatEnvironment pinned;
        for (int k = 0; k < tasks; ++k) run(context, k);
        return;
    }
#endif
    const FloatEnvironment pinned;
    for (int k = 0; k < tasks; ++k) run(context, k);
}

}  // namespace schuss

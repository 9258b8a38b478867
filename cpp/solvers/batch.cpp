#include "solvers/batch.hpp"

#include <algorithm>
#include <cstring>

#include "runtime/float_environment.hpp"
#include "runtime/parallel.hpp"

namespace schuss {
namespace {

// Problems that a thread should have before it is worth waking; beyond the size, threads share the
// work of one problem instead.
constexpr std::int64_t kGrain = 16, kSmallBytes = 1 << 14;

}  // namespace

SolverBatch::SolverBatch(std::int64_t count, std::int64_t bytes, const char* starts,
                         const Make& make)
    : bytes_(bytes) {
    for (std::int64_t k = 0; k < count; ++k) {
        solvers_.push_back(make(starts + k * bytes));
        running_.push_back(k);
    }
}

template <class F>
void SolverBatch::each(const F& task) const {
    const auto count = static_cast<std::int64_t>(running_.size());
    const std::int64_t most = std::min<std::int64_t>(get_num_threads(), count / kGrain);
    const int tasks = bytes_ > kSmallBytes ? 1 : static_cast<int>(std::max<std::int64_t>(most, 1));
    parallel_for(tasks, [&](int task_index) {
        const std::int64_t end = count * (task_index + 1) / tasks;
        for (std::int64_t row = count * task_index / tasks; row < end; ++row)
            task(*solvers_[static_cast<std::size_t>(running_[static_cast<std::size_t>(row)])], row);
    });
}

void SolverBatch::points(char* to) const {
    for (std::size_t row = 0; row < running_.size(); ++row)
        std::memcpy(to + static_cast<std::int64_t>(row) * bytes_, at(running_[row]).point()->data(),
                    static_cast<std::size_t>(bytes_));
}

void SolverBatch::tell(const double* values, const char* gradients, const double* hessians) {
    each([&](Solver& solver, std::int64_t row) {
        solver.tell(values[row], gradients + row * bytes_);
        if (solver.request() != Request::kHessian) return;
        const std::int64_t n = solver.size();
        const std::string fault = solver.tell_hessian(hessians + row * n * n);
        if (!fault.empty()) solver.refuse("the Hessian " + fault);
    });
    running_.erase(std::remove_if(running_.begin(), running_.end(),
                                  [&](std::int64_t k) { return at(k).done(); }),
                   running_.end());
}

}  // namespace schuss

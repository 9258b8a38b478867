#include "solvers/batch.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "dispatch/dispatch.hpp"
#include "runtime/fetch.hpp"
#include "runtime/float_environment.hpp"
#include "runtime/parallel.hpp"
#include "solvers/cholesky.hpp"

namespace schuss {
namespace {

// Problems that a thread should have before it is worth waking; beyond the size, threads share the
// work of one problem instead.
constexpr std::int64_t kGrain = 16, kSmallBytes = 1 << 14;

void tell_hessian(Solver& solver, const double* h, const LaneModel* ready = nullptr) {
    const std::string fault = solver.tell_hessian(h, ready);
    if (!fault.empty()) solver.refuse("the Hessian " + fault);
}

// Solvers that were told a gradient and wait for the Hessian, until there is one for each lane.
class Company {
  public:
    explicit Company(std::int64_t n)
        : n_(n),
          lanes_(dense().lanes[kFloat64]),
          models_(static_cast<std::size_t>(lanes_)),
          numbers_(static_cast<std::size_t>(lanes_ * (n * n + 2 * n))) {}

    void add(Solver& solver, const double* h, const char* gradient) {
        double* mean = numbers_.data() + count_ * (n_ * n_ + 2 * n_);
        double *step = mean + n_ * n_, *g = step + n_;
        copy_as_doubles(solver.dtype(), gradient, n_, g);
        solvers_[count_] = &solver;
        models_[static_cast<std::size_t>(count_)] = {h, g, mean, step, 0.0, 0.0, 0.0, -1};
        if (++count_ == lanes_) leave();
    }

    void leave() {
        if (count_ > 0) {
            const FloatEnvironment pinned;
            const Scratch space(lane_bytes(n_));
            dense().newton_lanes({n_, static_cast<int>(count_), models_.data(), space.get()});
        }
        for (std::int64_t k = 0; k < count_; ++k) {
            const LaneModel& model = models_[static_cast<std::size_t>(k)];
            tell_hessian(*solvers_[k], model.h, &model);
        }
        count_ = 0;
    }

  private:
    std::int64_t n_, lanes_, count_ = 0;
    std::vector<LaneModel> models_;
    std::vector<double> numbers_;
    Solver* solvers_[kDenseVector / sizeof(double)];
};

}  // namespace

SolverBatch::SolverBatch(std::int64_t count, std::int64_t bytes, const char* starts,
                         const Make& make)
    : bytes_(bytes) {
    for (std::int64_t k = 0; k < count; ++k) {
        solvers_.push_back(make(starts + k * bytes));
        running_.push_back(k);
    }
    // What a solver asks for when it is made lies behind it, wherever that is; if it does not, the
    // fetching is in vain.
    const auto address = [&](std::int64_t k) { return reinterpret_cast<std::intptr_t>(&at(k)); };
    std::int64_t nearest = kMostFetched;
    for (std::int64_t k = 1; k < count; ++k)
        nearest = std::min<std::int64_t>(nearest, std::abs(address(k) - address(k - 1)));
    footprint_ = nearest < kMostFetched ? nearest : 0;
}

void SolverBatch::points(char* to) const {
    for (std::size_t row = 0; row < running_.size(); ++row)
        std::memcpy(to + static_cast<std::int64_t>(row) * bytes_, at(running_[row]).point()->data(),
                    static_cast<std::size_t>(bytes_));
}

void SolverBatch::tell(const double* values, const char* gradients, const double* hessians) {
    const auto count = static_cast<std::int64_t>(running_.size());
    if (count == 0) return;
    const std::int64_t most = std::min<std::int64_t>(get_num_threads(), count / kGrain);
    const int tasks = bytes_ > kSmallBytes ? 1 : static_cast<int>(std::max<std::int64_t>(most, 1));
    const auto running = [&](std::int64_t row) -> Solver& {
        return *solvers_[static_cast<std::size_t>(running_[static_cast<std::size_t>(row)])];
    };
    parallel_for(tasks, [&](int task) {
        const std::int64_t n = at(0).size();
        std::optional<Company> company;
        if (hessians && n <= kLaneOrder) company.emplace(n);
        const std::int64_t end = count * (task + 1) / tasks;
        for (std::int64_t row = count * task / tasks; row < end; ++row) {
            Solver& solver = running(row);
            // Thousands do not stay in cache, and waiting for each is a third of the time (n = 10).
            if (row + 1 < end) fetch(&running(row + 1), footprint_);
            const char* gradient = gradients + row * bytes_;
            solver.tell(values[row], gradient);
            if (solver.request() != Request::kHessian) continue;
            const double* h = hessians + row * n * n;
            company ? company->add(solver, h, gradient) : tell_hessian(solver, h);
        }
        if (company) company->leave();
    });
    running_.erase(std::remove_if(running_.begin(), running_.end(),
                                  [&](std::int64_t k) { return at(k).done(); }),
                   running_.end());
}

}  // namespace schuss

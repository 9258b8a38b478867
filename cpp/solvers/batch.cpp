#include "solvers/batch.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <stdexcept>

#include "dispatch/dispatch.hpp"
#include "linalg/systems.hpp"
#include "runtime/fetch.hpp"
#include "runtime/memory.hpp"
#include "runtime/share.hpp"
#include "steps/quadratic.hpp"

namespace schuss {
namespace {

// Telling a small solver takes about as long as so many products from cache.
constexpr double kProductsOfOne = 1 << 14;

// Beyond so many bytes of a point, threads share the work of one problem instead.
constexpr std::int64_t kSmallBytes = 1 << 14;

constexpr std::int64_t kAtATime = 32;  // problems that a thread takes

constexpr std::int64_t kDone = -1;  // in place of a problem that runs

void tell_hessian(Solver& solver, const Hessian& h) {
    try {
        solver.tell_hessian(h);
    } catch (const std::invalid_argument& fault) {
        solver.stop(std::string("the Hessian ") + fault.what(), Status::kNotFinite);
    }
}

// Solvers that were told a gradient and wait for the Hessian. As soon as there is one for each lane
// they are told theirs, with what the lanes found out of all at once; then told(solver, row) is
// called for each. smallest: whether they want the curvature instead of a step.
template <class Told>
class LaneGroup {
  public:
    LaneGroup(std::int64_t n, const Told& told, const Smallest* smallest)
        : n_(n),
          each_(n * (n + 1) / 2 + 2 * n),
          lanes_(dense().lanes[kFloat64]),
          told_(told),
          smallest_(smallest),
          models_(static_cast<std::size_t>(lanes_)),
          numbers_(static_cast<std::size_t>(lanes_ * each_)) {}

    void add(Solver& solver, std::int64_t row, const double* h, const char* gradient) {
        double* step = numbers_.data() + count_ * each_;
        double *g = step + n_, *mean = g + n_;
        copy_as_doubles(solver.dtype(), gradient, n_, g);
        members_[count_] = {&solver, row};
        models_[static_cast<std::size_t>(count_)] = {h, g, mean, step, 0.0, 0.0, 0.0, 0.0, NAN, 0};
        if (++count_ == lanes_) tell();
    }

    void tell() {
        if (count_ > 0) {
            const Scratch space(lane_bytes(n_));
            dense().newton_lanes(
                {n_, static_cast<int>(count_), models_.data(), space.get(), smallest_});
        }
        for (std::int64_t k = 0; k < count_; ++k) {
            const LaneModel& model = models_[static_cast<std::size_t>(k)];
            const auto [solver, row] = members_[k];
            tell_hessian(*solver, {model.h, &model});
            told_(*solver, row);
        }
        count_ = 0;
    }

  private:
    struct Member {
        Solver* solver;
        std::int64_t row;
    };
    std::int64_t n_, each_, lanes_, count_ = 0;  // each_: numbers of a model
    const Told& told_;
    const Smallest* smallest_;
    std::vector<LaneModel> models_;
    std::vector<double> numbers_;
    Member members_[kDenseVector / sizeof(double)];
};

}  // namespace

SolverBatch::SolverBatch(std::int64_t count, std::int64_t n, DType dtype, const char* starts,
                         const std::vector<std::shared_ptr<const Bounds>>& bounds, const Make& make)
    : bytes_(n * size_of(dtype)), points_(starts, starts + count * bytes_) {
    for (std::int64_t k = 0; k < count; ++k) {
        Start from{n, dtype, starts + k * bytes_};
        if (!bounds.empty())
            from.bounds = bounds[bounds.size() == 1 ? 0 : static_cast<std::size_t>(k)];
        solvers_.push_back(make(from));
        // Which may lie elsewhere.
        std::copy_n(solvers_.back()->point()->data(), bytes_, points_.data() + k * bytes_);
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

void SolverBatch::tell(const double* values, const char* gradients, const double* hessians) {
    const auto count = static_cast<std::int64_t>(running_.size());
    if (count == 0) return;
    const int threads =
        bytes_ > kSmallBytes
            ? 1
            : threads_for(count, {.products = kProductsOfOne * static_cast<double>(count)});
    const auto running = [&](std::int64_t row) -> Solver& {
        return *solvers_[static_cast<std::size_t>(running_[static_cast<std::size_t>(row)])];
    };
    // While the solver is in the cache of the thread that told it.
    const auto take_point = [&](const Solver& solver, std::int64_t row) {
        if (solver.done())
            running_[static_cast<std::size_t>(row)] = kDone;
        else
            std::copy_n(solver.point()->data(), bytes_, points_.data() + row * bytes_);
    };
    HelpedShares shares(threads, count, kAtATime);
    parallel_for(threads, [&](int thread) {
        const std::int64_t n = at(0).size();
        std::optional<LaneGroup<decltype(take_point)>> steps, curvatures;
        if (hessians && n <= kLaneOrder) {
            steps.emplace(n, take_point, nullptr);
            curvatures.emplace(n, take_point, &kSmallest);
        }
        shares.take(thread, [&](std::int64_t first, std::int64_t end) {
            for (std::int64_t row = first; row < end; ++row) {
                Solver& solver = running(row);
                // Thousands do not stay in cache, and waiting for each is a third of the time
                // (n = 10).
                if (row + 1 < end) fetch(&running(row + 1), footprint_);
                const char* gradient = gradients + row * bytes_;
                solver.tell(values[row], gradient);
                if (solver.request() == Request::kHessian) {
                    const double* h = hessians + row * n * n;
                    if (auto& group = solver.gradient_small() ? curvatures : steps) {
                        group->add(solver, row, h, gradient);
                        continue;
                    }
                    tell_hessian(solver, {h});
                }
                take_point(solver, row);
            }
        });
        for (auto* group : {&steps, &curvatures})
            if (*group) (*group)->tell();
    });
    std::size_t left = 0;
    for (std::size_t row = 0; row < running_.size(); ++row) {
        if (running_[row] == kDone) continue;
        if (left < row) {
            running_[left] = running_[row];
            const auto from = points_.begin() + static_cast<std::int64_t>(row) * bytes_;
            std::copy_n(from, bytes_, points_.begin() + static_cast<std::int64_t>(left) * bytes_);
        }
        ++left;
    }
    running_.resize(left);
    points_.resize(left * static_cast<std::size_t>(bytes_));
}

}  // namespace schuss

#include "solvers/fits.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "dispatch/dispatch.hpp"
#include "runtime/share.hpp"

namespace schuss {
namespace {

constexpr std::int64_t kAtATime = 1024;  // fits that a thread takes
constexpr double kEvaluations = 8.0;     // of a fit, about

int threads_of(const Fits& fits, std::int64_t count, double evaluations) {
    const double products = static_cast<double>(fits.points.m) * fits.n * fits.n + 200.0;
    return threads_for(count / kMostFitLanes,
                       {.products = evaluations * products * static_cast<double>(count)});
}

// f(first, count, space) for as many fits as there are lanes, on all threads.
template <class F>
void each_group(const Fits& fits, const ModelTable& table, const F& f) {
    const std::int64_t lanes = table.lanes, groups = (fits.count + lanes - 1) / lanes;
    share_evenly(threads_of(fits, fits.count, 1.0), groups,
                 [&](int, std::int64_t first_group, std::int64_t end_group) {
                     const Scratch space(table.space_bytes(fits));
                     for (std::int64_t group = first_group; group < end_group; ++group) {
                         const std::int64_t first = group * lanes;
                         f(first, static_cast<int>(std::min(lanes, fits.count - first)),
                           space.get());
                     }
                 });
}

// What the bounds make of the gradients where fits [first, end) ended.
void finish(const Fits& fits, std::int64_t first, std::int64_t end) {
    const std::int64_t n = fits.n;
    for (std::int64_t row = first; row < end; ++row) {
        const double *lower = fits.lower.data + row * fits.lower.next,
                     *upper = fits.upper.data + row * fits.upper.next;
        double largest = 0.0;  // NaN where an element is
        for (std::int64_t j = 0; j < n; ++j) {
            const double x = fits.x[row * n + j], g = fits.gradient[row * n + j];
            const double low = x - lower[j], high = x - upper[j];
            const bool at_lower = (low <= 0.0 && g > 0.0) || lower[j] == upper[j];
            fits.active[row * n + j] = high >= 0.0 && g < 0.0 ? 1 : at_lower ? -1 : 0;
            const double projected = g < 0.0 ? (high > g ? high : g) : (low < g ? low : g);
            if (!(std::abs(projected) <= largest) && !std::isnan(largest))
                largest = std::abs(projected);
        }
        fits.optimality[row] = largest;
    }
}

}  // namespace

const Model& model_named(const std::string& name) {
    const ModelTable& table = lane_models();
    for (int k = 0; k < table.n_models; ++k)
        if (name == table.models[k].name) return table.models[k];
    throw std::invalid_argument("there is no model '" + name + "'");
}

void fit_model(const Fits& fits, const ModelRows& model, std::int64_t first, std::int64_t end,
               const Factors& factors) {
    const ModelTable& table = lane_models();
    const int threads = threads_of(fits, end - first, kEvaluations);
    HelpedShares shares(threads, end - first, kAtATime);
    parallel_for(threads, [&](int thread) {
        const Scratch space(table.space_bytes(fits));
        const Block state(table.state_bytes(fits));
        shares.take(thread, [&](std::int64_t from, std::int64_t to) {
            table.fit(fits, model, first + from, first + to, state.base(), space.get());
            finish(fits, first + from, first + to);
            for (std::int64_t row = from; row < to; row += table.lanes)
                table.factors(fits, model, nullptr, first + row,
                              static_cast<int>(std::min<std::int64_t>(table.lanes, to - row)),
                              space.get(), factors);
        });
    });
}

void evaluate_model(const Fits& fits, const ModelRows& model, double* values, double* jacobians) {
    const ModelTable& table = lane_models();
    each_group(fits, table, [&](std::int64_t first, int count, char* space) {
        table.evaluate(fits, model, first, count, space, values, jacobians);
    });
}

void factor_jacobians(const Fits& fits, const double* jacobians, const Factors& to) {
    const ModelTable& table = lane_models();
    each_group(fits, table, [&](std::int64_t first, int count, char* space) {
        table.factors(fits, {0, nullptr}, jacobians, first, count, space, to);
    });
}

FitBatch::FitBatch(const Fits& fits)
    : fits_(fits),
      table_(lane_models()),
      state_bytes_(table_.state_bytes(fits)),
      states_((fits.count / table_.lanes + 1) * state_bytes_),
      running_(static_cast<std::size_t>(fits.count)) {
    std::iota(running_.begin(), running_.end(), 0);
    each_group(fits_, table_, [&](std::int64_t first, int count, char* space) {
        table_.start(fits_, first, count, state(first / table_.lanes), space);
    });
}

void FitBatch::tell(const double* values, const double* jacobians) {
    const std::int64_t m = fits_.points.m, n = fits_.n, lanes = table_.lanes;
    each_group(fits_, table_, [&](std::int64_t first, int count, char* space) {
        const double *of_values[kMostFitLanes] = {}, *of_jacobians[kMostFitLanes] = {};
        auto at = std::lower_bound(running_.begin(), running_.end(), first);
        if (at == running_.end() || *at >= first + count) return;
        for (; at != running_.end() && *at < first + count; ++at) {
            const std::int64_t row = at - running_.begin();
            of_values[*at - first] = values + row * m;
            of_jacobians[*at - first] = jacobians + row * m * n;
        }
        table_.tell(fits_, first, of_values, of_jacobians, state(first / lanes), space);
    });
    std::erase_if(running_, [&](std::int64_t row) {
        const bool ended = fits_.ending[row] != kFitRuns;
        if (ended) finish(fits_, row, row + 1);
        return ended;
    });
}

}  // namespace schuss

// Many independent least-squares fits of one shape, shared out among threads, one in each lane. A
// fit takes the steps that it would take alone, bit for bit.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "models/table.hpp"
#include "runtime/memory.hpp"

namespace schuss {

// A model by name, without an offset and a slope; throws std::invalid_argument.
const Model& model_named(const std::string& name);

// Fits [first, end) of a model to their ends, and the factors of their last Jacobians.
void fit_model(const Fits& fits, const ModelRows& model, std::int64_t first, std::int64_t end,
               const Factors& factors);
// Its values (count, m) and Jacobians (count, m, n) at x.
void evaluate_model(const Fits& fits, const ModelRows& model, double* values, double* jacobians);
// Of Jacobians (count, m, n), which are weighted first.
void factor_jacobians(const Fits& fits, const double* jacobians, const Factors& to);

// Fits of a function that is evaluated outside.
class FitBatch {
  public:
    explicit FitBatch(const Fits& fits);

    const std::vector<std::int64_t>& running() const { return running_; }
    // Values (m) and a Jacobian (m, n) at x for each of those that run.
    void tell(const double* values, const double* jacobians);

  private:
    char* state(std::int64_t group) const { return states_.base() + group * state_bytes_; }

    Fits fits_;
    const ModelTable& table_;  // that which the states are laid out for
    std::int64_t state_bytes_;
    Block states_;
    std::vector<std::int64_t> running_;
};

}  // namespace schuss

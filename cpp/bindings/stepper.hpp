// What an Optimizer drives: one rule, one structure of parameters, its states, and the plan of a
// step.
#pragma once
#include <pybind11/pybind11.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bindings/arrays.hpp"
#include "bindings/structure.hpp"
#include "runtime/pace.hpp"
#include "runtime/states.hpp"

namespace schuss {

enum class Nonfinite { kPropagate, kSkip, kRaise };

// What all parameters share; the rest are hyperparameters, one set a group.
struct Options {
    double max_norm;   // infinity: no clipping
    double max_value;  // likewise
    double grad_scale;
    Nonfinite nonfinite;
    bool maximize;
};

// What the last step did.
struct StepReport {
    std::int64_t step = 0;
    double learning_rate = 0.0;
    std::optional<double> grad_norm;  // of the gradients over grad_scale, where it was measured
    double clip_factor = 1.0;
    bool skipped = false;                   // or refused: nothing was written
    std::optional<std::int64_t> nonfinite;  // unfit gradient elements, where they were looked for
};

class Stepper {
  public:
    // Reads structure, shapes and dtypes of params; fills give slots that do not start at 0.
    Stepper(const std::string& rule, py::handle params, const py::dict& fills);

    // group_of: the group of each leaf; frozen: of each group, whether its leaves keep their bits.
    // Group 0 is the optimizer's own.
    void assign_groups(const std::vector<int>& group_of, const std::vector<bool>& frozen);
    void set_hyper(const std::vector<std::vector<double>>& hyper);
    void set_options(const Options& options);

    void step(py::handle params, py::handle grads);

    const Rule& rule() const;
    const std::vector<std::string>& paths() const { return structure_.paths(); }
    py::object unflatten(const py::list& leaves) const { return structure_.unflatten(leaves); }
    py::tuple layout(std::size_t leaf) const;  // (shape, dtype, axes in memory order)
    static py::dict slots(const std::shared_ptr<Stepper>& self, std::size_t leaf);  // live views

    // All that steps change, as of one moment: (step_count, carry, slots of each leaf), the arrays
    // copied in C order. Neither lets go of the GIL, so that no step begins meanwhile; one that
    // runs is a RuntimeError. Python has checked what restore is given.
    static py::tuple snapshot(const std::shared_ptr<Stepper>& self);
    void restore(std::int64_t step_count, const std::vector<std::vector<double>>& carry,
                 const std::vector<py::dict>& slots);

    std::int64_t step_count = 0;
    std::vector<std::vector<double>> carry;  // the rule's scalar state, one list a group
    std::optional<StepReport> report;

  private:
    struct Leaf {
        DType dtype;
        std::vector<std::int64_t> shape;
        std::vector<int> axes;
        std::int64_t count;
        int group = 0;
        bool frozen = false;
        Seen param, grad;
    };

    std::string slot_name(int slot) const;
    void allocate();
    static std::vector<std::int64_t> state_strides(const Leaf& leaf);
    View slot_walk(std::size_t leaf, int slot) const;  // in C order
    bool plan_holds();
    void make_plan();
    Tensor check_pair(std::size_t leaf) const;
    void check_memory();
    bool overlaps_params(const Extent& e) const;
    std::vector<Group> groups_for_step(std::vector<std::vector<double>>& next_carry) const;
    [[noreturn]] void refuse(const Unfit& unfit) const;
    StepReport run(std::vector<Group>& groups, Unfit& unfit);

    int rule_;
    bool coupled_decay_;  // weight_decay is an L2 term, not part of the rule
    Structure structure_;
    std::vector<Leaf> leaves_;
    py::dict fills_;
    std::unique_ptr<States> states_;
    Plan plan_;
    Pace pace_;
    bool planned_ = false;
    std::vector<Extent> extents_;             // of the parameters, by address
    std::vector<const char*> reached_;        // the highest end among extents_ up to each
    std::vector<std::vector<double>> hyper_;  // none until set, and again after a restore
    Options options_{};
    std::vector<py::object> params_, grads_;  // held while a step runs, whatever happens outside
    std::atomic<bool> stepping_{false};
};

}  // namespace schuss

// What a Python optimizer drives: trees of arrays become the views that an `Optimizer` steps.
#pragma once
#include <pybind11/pybind11.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bindings/arrays.hpp"
#include "bindings/busy.hpp"
#include "bindings/structure.hpp"
#include "optim/optimizer.hpp"

namespace schuss {

class Stepper {
  public:
    // Reads structure, shapes and dtypes of params, arrays or what `layout` gave; fills give slots
    // that do not start at 0. The rest is as in `Optimizer`.
    Stepper(const std::string& rule, py::handle params, const py::dict& fills,
            std::optional<double> keep, Range range);

    void assign_groups(const std::vector<int>& group_of, const std::vector<bool>& frozen);
    void set_hyper(const std::vector<std::vector<double>>& hyper);
    void set_options(const Options& options);

    void step(py::handle params, py::handle grads, py::handle shadow,
              std::optional<double> grad_norm);

    // A step in phases, as in `Optimizer`; the arrays are held until it ends.
    bool open(py::handle params, py::handle grads, py::handle shadow,
              std::optional<double> grad_norm);
    bool decide(std::int64_t unfit);
    std::vector<double> gather();
    void set_sums(const std::vector<double>& sums);
    void run(const std::vector<std::size_t>& leaves);
    void close();
    void cancel();

    const Optimizer& optimizer() const { return optimizer_; }
    const std::vector<std::string>& paths() const { return structure_.paths(); }
    py::object unflatten(const py::list& leaves) const { return structure_.unflatten(leaves); }
    py::tuple layout(std::size_t leaf) const;  // (shape, dtype, axes in memory order)
    static py::dict slots(const std::shared_ptr<Stepper>& self, std::size_t leaf);  // live views

    // All that steps change, as of one moment: (step_count, counts and carry of each leaf, slots of
    // each leaf), the arrays copied in C order. Neither lets go of the GIL, so that no step begins
    // meanwhile; one that runs is a RuntimeError. Python has checked what restore is given.
    py::tuple snapshot();
    void restore(std::int64_t step_count, const std::vector<std::int64_t>& counts,
                 const std::vector<std::vector<double>>& carry, const std::vector<py::dict>& slots);

  private:
    // Of a call that may not come while another one runs or a step is open.
    struct Idle {
        const Busy busy;
        explicit Idle(Stepper& of);
    };

    // What was seen of a parameter's arrays, whose views are bound as long as it holds.
    struct Known {
        ArrayFingerprint param, grad, shadow;
        bool present = true;
    };

    void collect(py::handle params, py::handle grads, py::handle shadow);
    bool bound_holds();
    void bind();
    Arrays check_arrays(std::size_t leaf) const;
    void check_memory();
    void mark_params();
    void let_go();
    bool keep_if(bool taken);
    [[noreturn]] void refuse() const;
    std::vector<std::string> slot_names() const;

    Structure structure_;
    Optimizer optimizer_;
    std::vector<Known> known_;
    bool shadowed_ = false;                            // what is bound has shadows
    Extents extents_;                                  // of parameters and shadows
    std::vector<py::object> params_, grads_, shadow_;  // held while a step runs
    std::vector<py::object> owners_;  // of params and shadows that are views; None for others
    Busy::Flag stepping_{"optimizer"};
};

}  // namespace schuss

// What an optimizer of schuss.torch drives: parameters and gradients are PyTorch's tensors, and so
// are the states, which belong to the user: step counts and scalar states are read before each
// step and written after it.
#pragma once
#include <pybind11/pybind11.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bindings/busy.hpp"
#include "bindings/extents.hpp"
#include "bindings/tensors.hpp"
#include "optim/optimizer.hpp"

namespace schuss {

class TorchStepper {
  public:
    // Increment: what tells autograd that tensors of a list were written.
    TorchStepper(const py::module_& torch, py::object increment);

    // Of all groups. keep: of averages; master: whether float32 copies of the parameters are what
    // is stepped; agc, agc_epsilon as in `Common`.
    void set_options(const Options& options, std::optional<double> keep, bool master, double agc,
                     double agc_epsilon);

    // groups: dicts with "params"; owner: the dict that has the states, a dict of dicts by
    // parameter, as "state"; settings, of each group: (rule, maximize, decoupled, hyperparameters,
    // weight decay last); touched: whether states may have been moved. Whether the step was taken,
    // or skipped as `nonfinite` says; nothing where all this is not as `bind` learned it.
    std::optional<bool> step(const py::list& groups, const py::dict& owner,
                             const py::list& settings, bool touched, int threads);

    // Why the parameters and gradients cannot be stepped here, or nothing.
    std::optional<std::string> check(const py::list& groups);

    // Learns what a step finds. counted: the name of the step count among the states, or None;
    // carry: those of the scalar states; begun: parameters whose states are older than this step,
    // where there is no count. Returns as `check` does.
    std::optional<std::string> bind(const py::list& groups, const py::dict& state,
                                    const py::list& settings, const py::object& counted,
                                    const std::vector<std::string>& carry, const py::set& begun);

    py::object report() const;

  private:
    // A number in a tensor of one element.
    struct Scalar {
        py::object tensor;
        char* data = nullptr;
        bool wide = false;
        double value = 0.0;  // as it was left

        double read() const;
        void write(double x);
    };
    struct Slot {
        py::object tensor, storage;  // the memory outlives a tensor that takes another
        char* data;
    };
    struct Parameter {
        py::object tensor, grad;  // grad: held while a step runs
        std::size_t group;
        TensorFingerprint seen, grad_seen;
        char *data, *grad_data;
        std::optional<std::size_t> part;  // none: it never had a gradient
        std::size_t leaf = 0;
        bool present = false, master = false;
        std::vector<Slot> slots;
        std::vector<Scalar> scalars;  // the step count, where there is one, and the rule's
        std::int64_t version = 0;     // of a parameter with a master
    };
    // Groups of one rule, sign and place of the decay.
    struct Part {
        py::object rule;
        bool maximize, decoupled;
        std::vector<std::vector<double>> hyper;
        std::vector<std::size_t> members;
        std::unique_ptr<Optimizer> optimizer;
        bool stale_hyper = false, stale_present = false;
    };
    struct Entry {  // of the dict of states
        py::object key, value;
        std::vector<std::pair<py::object, py::object>> items;
    };

    bool groups_hold(const py::list& groups);
    bool settings_hold(const py::list& settings);
    bool tensors_hold();
    bool states_hold(const py::dict& owner, bool touched);
    std::optional<std::string> learn_parameters(const py::list& groups);
    std::optional<std::string> learn_states(const py::dict& state, const py::object& counted,
                                            const std::vector<std::string>& carry);
    std::optional<std::string> learn_memory();
    void learn_settings(const py::list& settings);
    void make_optimizers(const py::set& begun);
    void read_hyper(Part& part, std::size_t group, const py::handle& numbers);
    void finish_step();
    void let_go();
    [[noreturn]] void refuse() const;

    TensorReader reader_;
    py::object increment_;
    Options options_;
    std::optional<double> keep_;
    bool master_ = false;
    double agc_, agc_epsilon_;
    std::size_t counted_ = 0;  // how many of a parameter's scalars are step counts

    std::vector<Parameter> parameters_;
    std::vector<std::pair<std::size_t, std::size_t>> places_;  // of each group: part, and in it
    std::vector<Part> parts_;
    std::vector<Entry> entries_;
    Extents written_;
    bool bound_ = false;
    bool held_ = false;  // somebody else had states in hand at the last step
    Busy::Flag stepping_{"optimizer"};
};

}  // namespace schuss

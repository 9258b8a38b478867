// An optimizer without Python: one rule, the parameters of a model, their states and step counts,
// and what a step does. Arrays come as views; who owns them, and what errors are called, is the
// caller's.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "optim/step.hpp"
#include "optim/sums.hpp"
#include "runtime/pace.hpp"
#include "runtime/states.hpp"

namespace schuss {

enum class Nonfinite { kPropagate, kSkip, kRaise };

// What all parameters share.
struct Options {
    double max_norm = std::numeric_limits<double>::infinity();   // no clipping
    double max_value = std::numeric_limits<double>::infinity();  // likewise
    double grad_scale = 1.0;
    Nonfinite nonfinite = Nonfinite::kPropagate;
    bool maximize = false;
    bool decoupled = false;  // weight decay is taken beside the step, not added to the gradient
    std::optional<int> agc_axis = -1;  // of the units that are clipped, from the end where
                                       // negative; none: the whole tensor is one
    int threads = std::numeric_limits<int>::max();  // at most
    bool carry_float32 = false;  // scalar states are rounded to float32 after each step
};

// Hyperparameters of a group: those of the rule, in the order of its names, then these.
struct Common {
    enum { weight_decay, agc, agc_epsilon, kCommon };  // agc: infinity for no clipping of units
};

// What an optimizer keeps in mind of a parameter.
struct Leaf {
    Element storage = Element::kFloat32;
    std::vector<std::int64_t> shape;
    std::vector<int> axes;  // in the order in which its elements are walked, slowest first

    std::int64_t count() const;
    DType dtype() const { return kCompute[static_cast<int>(storage)]; }
};

// The arrays of a parameter in one step, axes as in its shape. Without a gradient (data null) it
// takes no part; without a shadow none is written. slots: the memory of its states where somebody
// else owns them, walked as the leaf is: the rule's, then the average.
struct Arrays {
    View param, grad, shadow;
    std::vector<char*> slots;
};

// Which of the flat elements of the model, C order in each parameter, an optimizer steps: those of
// one rank. It begins at a multiple of kBlock.
struct Range {
    std::int64_t begin = 0, end = std::numeric_limits<std::int64_t>::max();
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

// Throws std::invalid_argument for a name that is not in the registry.
const Rule& find_rule(const std::string& name);

class Optimizer {
  public:
    // fills: what each slot starts with. keep: of averages of the parameters, where they are kept.
    Optimizer(const std::string& rule, std::vector<Leaf> leaves, std::vector<double> fills,
              std::optional<double> keep, Range range);

    const Rule& rule() const;
    const std::vector<Leaf>& leaves() const { return leaves_; }

    // group_of: the group of each leaf; frozen: of each group, whether its leaves keep their bits.
    // Group 0 is the optimizer's own. Counts and scalar states begin anew.
    void assign_groups(const std::vector<int>& group_of, std::vector<bool> frozen);
    // Of each group: the rule's, and those of `Common`.
    void set_hyper(std::vector<std::vector<double>> hyper);
    void set_options(const Options& options);
    const Options& options() const { return options_; }
    bool ready() const { return !hyper_.empty(); }  // hyperparameters are forgotten by `restore`

    // The arrays of the steps to come, one set a leaf, until the next call; they fit the leaves.
    void bind(const std::vector<Arrays>& arrays);
    void unbind();
    bool bound() const { return bound_; }
    void move_grad(std::size_t leaf, char* data);        // the layout of its last one, elsewhere
    void set_present(const std::vector<bool>& present);  // which have a gradient

    // A step at once, or in phases: open; decide, where a range has gradients to check; gather and
    // set_sums for a rule with sums; run for any of the leaves in any order, each once; close, when
    // all that move have run. False where the gradients are to be skipped or refused: nothing was
    // written, nothing is open, and a refusal leaves the report as it was. Up to the first run, or
    // gather of a rule with sums, nothing is written, and cancel makes all as before. Whatever is
    // out of turn throws std::runtime_error, a wrong argument std::invalid_argument; both change
    // nothing, and the step stays open.
    bool step(std::optional<double> grad_norm = std::nullopt);
    bool open(std::optional<double> grad_norm = std::nullopt);
    bool decide(std::int64_t unfit);                 // gradient elements, of all ranges
    std::vector<double> gather();                    // the sums of this range's pieces
    void set_sums(const std::vector<double>& sums);  // of all pieces of the model
    void run(const std::vector<std::size_t>& leaves);
    void close();
    void cancel();
    void check_closed() const;  // throws std::runtime_error while a step is open

    // Of optimizers whose parameters are one model: with the norm of all, and all step or none.
    static bool step_together(std::span<Optimizer* const> all,
                              std::optional<double> grad_norm = std::nullopt);

    // Of the gradients of this range, as in sums.hpp: norm_of those of all ranges is that of all.
    std::vector<double> block_sums(double scale) const;
    const std::optional<StepReport>& report() const { return report_; }
    const Unfit& unfit() const { return unfit_; }  // of this range, until all have decided
    std::int64_t moving() const { return plan_.moving.total(); }  // elements that a step touches
    const std::vector<std::size_t>& moving_leaves() const { return plan_.moving.tensors; }

    // States. They lie as their parameters do; those of a part of a parameter as one row.
    void allocate();
    bool averages() const { return keep_.has_value(); }
    View slot(std::size_t leaf, int slot) const;  // the rule's, then the average
    bool overlaps_states(const char* low, const char* high) const {
        return states_ && states_->overlaps(low, high);
    }

    std::int64_t step_count = 0;                 // steps in which any parameter took part
    std::int64_t count(std::size_t leaf) const;  // in which this one did
    std::vector<double> carry(std::size_t leaf) const;
    void restore(std::int64_t step, const std::vector<std::int64_t>& counts,
                 const std::vector<std::vector<double>>& carry);

  private:
    // Parameters with one group, count and scalar state, which share coefficients.
    struct Cohort {
        int group = 0;
        bool resting = false;
        std::int64_t count = 0;
        std::vector<double> carry;
        auto operator<=>(const Cohort&) const = default;
    };
    enum class Phase { kClosed, kOpen, kDecided, kGathered, kReady };  // kReady: to run
    struct Part {  // of a leaf, that this optimizer owns: elements in C order
        std::int64_t begin, end;
    };

    Part part(std::size_t leaf) const;
    bool whole(std::size_t leaf) const;
    bool in_c_order(std::size_t leaf) const;
    int n_arrays() const { return rule().n_slots + (averages() ? 1 : 0); }
    void regroup(const std::vector<Cohort>& of_leaves);
    Tensor tensor_of(std::size_t leaf, const Arrays& arrays) const;
    void find_coefficients();
    bool partial() const { return range_.begin > 0 || range_.end < offsets_.back(); }
    bool clips() const { return !std::isinf(options_.max_norm); }
    bool checks() const { return options_.nonfinite != Nonfinite::kPropagate; }
    void check_units() const;
    void prepare(std::optional<double> grad_norm);
    bool take(std::int64_t unfit);
    void commit();
    void check_phase(Phase wanted) const;
    int threads_for(std::int64_t elements) const {
        return pace_.parallel() ? std::min(useful_threads(elements), options_.threads) : 1;
    }
    void gather(const Row& row, std::vector<double>& sums);
    void set_sums(const Row& row, const std::vector<double>& sums);
    void run(const Row& row);
    void run_in_passes();
    void run_all();

    int rule_;
    std::vector<Leaf> leaves_;
    std::vector<std::int64_t> offsets_{0};       // of the leaves, in the flat elements of the model
    std::vector<std::int64_t> first_pieces_{0};  // and of their pieces, see `Plan`
    std::vector<double> fills_;
    std::optional<double> keep_;
    Range range_;
    std::vector<bool> frozen_;
    std::vector<std::vector<double>> hyper_;
    Options options_;
    std::vector<Cohort> cohorts_;
    std::vector<int> cohort_of_;
    std::vector<bool> present_;
    std::unique_ptr<States> states_;
    bool averages_begun_ = false;

    Plan plan_;
    bool bound_ = false;
    Pace pace_;
    std::optional<StepReport> report_;
    Unfit unfit_;
    Phase phase_ = Phase::kClosed;
    std::vector<bool> ran_;     // leaves, in the step that is open
    StepReport next_report_;    // of that step
    std::vector<Cohort> next_;  // cohorts after the step that is open
    std::vector<Coefficients> coefficients_;
};

}  // namespace schuss

#include "optim/optimizer.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <numeric>
#include <stdexcept>

#include "dispatch/dispatch.hpp"
#include "runtime/float_environment.hpp"
#include "runtime/parallel.hpp"

namespace schuss {
namespace {

// Bytes of the tensors that a rule with sums takes through both passes together.
constexpr std::int64_t kTogether = 1 << 20;

}  // namespace

const Rule& find_rule(const std::string& name) {
    const Rule* rules = kernels().rules;
    for (int k = 0; k < kernels().n_rules; ++k)
        if (name == rules[k].name) return rules[k];
    throw std::invalid_argument("rule is '" + name + "', which is not in the registry");
}

std::int64_t Leaf::count() const {
    return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

Optimizer::Optimizer(const std::string& rule, std::vector<Leaf> leaves, std::vector<double> fills,
                     std::optional<double> keep, Range range)
    : rule_(static_cast<int>(&find_rule(rule) - kernels().rules)),
      leaves_(std::move(leaves)),
      fills_(std::move(fills)),
      keep_(keep),
      range_(range),
      present_(leaves_.size(), true) {
    for (const Leaf& leaf : leaves_) {
        const std::int64_t begin = offsets_.back(), end = begin + leaf.count();
        offsets_.push_back(end);
        first_pieces_.push_back(first_pieces_.back() + pieces(begin, end));
    }
    assign_groups(std::vector<int>(leaves_.size()), {false});
}

const Rule& Optimizer::rule() const { return kernels().rules[rule_]; }

Optimizer::Part Optimizer::part(std::size_t leaf) const {
    const std::int64_t first = offsets_[leaf], count = leaves_[leaf].count();
    const std::int64_t begin = std::clamp<std::int64_t>(range_.begin - first, 0, count);
    return {begin, std::clamp(range_.end - first, begin, count)};
}

bool Optimizer::whole(std::size_t leaf) const {
    const Part own = part(leaf);
    return own.end - own.begin == leaves_[leaf].count();
}

// Sums follow C order, and so does what is cut by a range.
bool Optimizer::in_c_order(std::size_t leaf) const { return rule().n_sums > 0 || !whole(leaf); }

// -- who takes part, and with which coefficients --------------------------------------------------

void Optimizer::regroup(const std::vector<Cohort>& of_leaves) {
    std::map<Cohort, int> known;
    cohorts_.clear();
    cohort_of_.assign(of_leaves.size(), 0);
    for (std::size_t k = 0; k < of_leaves.size(); ++k) {
        const auto [found, added] =
            known.try_emplace(of_leaves[k], static_cast<int>(cohorts_.size()));
        if (added) cohorts_.push_back(of_leaves[k]);
        cohort_of_[k] = found->second;
    }
    if (!bound_) return;
    for (std::size_t k = 0; k < of_leaves.size(); ++k) {
        Tensor& tensor = plan_.tensors[k];
        tensor.resting = of_leaves[k].resting;
        tensor.coefficients = rule().n_sums > 0 ? static_cast<int>(k) : cohort_of_[k];
    }
    plan_.choose_moving();
}

void Optimizer::assign_groups(const std::vector<int>& group_of, std::vector<bool> frozen) {
    unbind();
    frozen_ = std::move(frozen);
    const Rule& r = rule();
    std::vector<Cohort> of_leaves;
    for (const int group : group_of)
        of_leaves.push_back({group, frozen_.at(static_cast<std::size_t>(group)), 0,
                             std::vector<double>(r.carry, r.carry + r.n_carry)});
    regroup(of_leaves);
}

void Optimizer::set_hyper(std::vector<std::vector<double>> hyper) {
    check_closed();
    const auto wanted = static_cast<std::size_t>(rule().n_hyper + Common::kCommon);
    if (hyper.size() != frozen_.size())
        throw std::invalid_argument("hyper has " + std::to_string(hyper.size()) + " groups; " +
                                    std::to_string(frozen_.size()) + " are wanted");
    for (const std::vector<double>& of_group : hyper)
        if (of_group.size() != wanted)
            throw std::invalid_argument("hyper has " + std::to_string(of_group.size()) +
                                        " numbers of a group; " + std::to_string(wanted) +
                                        " are wanted");
    hyper_ = std::move(hyper);
}

void Optimizer::set_options(const Options& options) {
    check_closed();
    if (options.agc_axis != options_.agc_axis) unbind();
    options_ = options;
}

void Optimizer::unbind() {
    check_closed();
    bound_ = false;
}

void Optimizer::set_present(const std::vector<bool>& present) {
    check_closed();
    std::vector<Cohort> of_leaves;
    for (std::size_t k = 0; k < leaves_.size(); ++k) {
        of_leaves.push_back(cohorts_[static_cast<std::size_t>(cohort_of_[k])]);
        Cohort& cohort = of_leaves.back();
        cohort.resting = !present[k] || frozen_[static_cast<std::size_t>(cohort.group)];
    }
    present_ = present;
    regroup(of_leaves);
}

std::int64_t Optimizer::count(std::size_t leaf) const {
    return cohorts_[static_cast<std::size_t>(cohort_of_[leaf])].count;
}

std::vector<double> Optimizer::carry(std::size_t leaf) const {
    return cohorts_[static_cast<std::size_t>(cohort_of_[leaf])].carry;
}

void Optimizer::restore(std::int64_t step, const std::vector<std::int64_t>& counts,
                        const std::vector<std::vector<double>>& carry) {
    check_closed();
    std::vector<Cohort> of_leaves;
    for (std::size_t k = 0; k < leaves_.size(); ++k) {
        of_leaves.push_back(cohorts_[static_cast<std::size_t>(cohort_of_[k])]);
        of_leaves[k].count = counts.at(k);
        of_leaves[k].carry = carry.at(k);
    }
    step_count = step;
    averages_begun_ = true;
    regroup(of_leaves);
    hyper_.clear();  // a step that read its settings before this is refused
}

// -- states ---------------------------------------------------------------------------------------

void Optimizer::allocate() {
    if (states_) return;
    std::vector<std::int64_t> bytes;
    for (std::size_t k = 0; k < leaves_.size(); ++k)
        bytes.push_back((part(k).end - part(k).begin) * kBytes[leaves_[k].dtype()]);
    auto states = std::make_unique<States>(bytes, n_arrays());
    for (int s = 0; s < rule().n_slots; ++s) {
        const double fill = fills_[static_cast<std::size_t>(s)];
        if (fill == 0.0) continue;
        for (std::size_t k = 0; k < leaves_.size(); ++k) {
            const std::int64_t count = part(k).end - part(k).begin;
            if (leaves_[k].dtype() == kFloat32)
                std::fill_n(reinterpret_cast<float*>(states->slot(k, s)), count,
                            static_cast<float>(fill));
            else
                std::fill_n(reinterpret_cast<double*>(states->slot(k, s)), count, fill);
        }
    }
    states_ = std::move(states);
}

View Optimizer::slot(std::size_t leaf, int slot) const {
    const Leaf& l = leaves_[leaf];
    const std::int64_t size = kBytes[l.dtype()];
    View view{states_->slot(leaf, slot), static_cast<Element>(l.dtype()), l.shape, {}};
    if (!whole(leaf)) {
        view.shape = {part(leaf).end - part(leaf).begin};
        view.strides = {size};
        return view;
    }
    view.strides.resize(l.shape.size());
    const std::vector<int> axes = in_c_order(leaf) ? c_order(l.shape.size()) : l.axes;
    std::int64_t stride = size;
    for (auto a = axes.rbegin(); a != axes.rend(); ++a) {
        const auto axis = static_cast<std::size_t>(*a);
        view.strides[axis] = stride;
        stride *= l.shape[axis];
    }
    return view;
}

// -- arrays ---------------------------------------------------------------------------------------

Tensor Optimizer::tensor_of(std::size_t leaf, const Arrays& arrays) const {
    const Leaf& l = leaves_[leaf];
    const std::vector<int> ordered = c_order(l.shape.size());
    const std::vector<int>& axes = in_c_order(leaf) ? ordered : l.axes;
    Tensor tensor;
    tensor.dtype = l.dtype();
    tensor.first = part(leaf).begin;
    tensor.count = part(leaf).end - tensor.first;
    tensor.param = operand(arrays.param, axes, tensor.dtype);
    tensor.ordered_param = operand(arrays.param, ordered, tensor.dtype);
    if (arrays.grad.data) {
        tensor.grad = operand(arrays.grad, axes, tensor.dtype);
        tensor.ordered_grad = operand(arrays.grad, ordered, tensor.dtype);
    }
    if (arrays.shadow.data) tensor.shadow = operand(arrays.shadow, axes, tensor.dtype);
    const auto slot = [&](int s) {
        return states_ ? states_->slot(leaf, s) : arrays.slots[static_cast<std::size_t>(s)];
    };
    for (int s = 0; s < rule().n_slots; ++s) tensor.slots[s] = slot(s);
    if (averages()) tensor.average = slot(rule().n_slots);
    tensor.unit_stride = l.count();
    if (options_.agc_axis && l.shape.size() > 1) {
        const int n = static_cast<int>(l.shape.size()), given = *options_.agc_axis;
        const int axis = given < 0 ? given + n : given;
        if (axis < 0 || axis >= n) {
            tensor.units = 0;  // none: see `check_units`
            return tensor;
        }
        tensor.units = l.shape[static_cast<std::size_t>(axis)];
        tensor.unit_stride = 1;
        for (auto a = axes.rbegin(); *a != axis; ++a)
            tensor.unit_stride *= l.shape[static_cast<std::size_t>(*a)];
        for (int a = 0; a < axis; ++a) tensor.units_before *= l.shape[static_cast<std::size_t>(a)];
    }
    return tensor;
}

void Optimizer::bind(const std::vector<Arrays>& arrays) {
    check_closed();
    if (arrays.empty() || arrays[0].slots.empty()) allocate();
    Plan plan;
    plan.keep = keep_.value_or(0.0);
    std::vector<bool> present;
    for (std::size_t k = 0; k < leaves_.size(); ++k) {
        Tensor tensor = tensor_of(k, arrays[k]);
        present.push_back(arrays[k].grad.data != nullptr);
        if (!present[k] && k < plan_.tensors.size()) {  // for when a gradient comes back
            tensor.grad = plan_.tensors[k].grad;
            tensor.ordered_grad = plan_.tensors[k].ordered_grad;
        }
        plan.add(std::move(tensor));
    }
    plan_ = std::move(plan);
    bound_ = true;
    set_present(present);
    if (averages() && !averages_begun_)
        for (const Tensor& tensor : plan_.tensors)
            schuss::gather(tensor.param.view, tensor.first, tensor.count, tensor.dtype,
                           tensor.average);
    averages_begun_ = true;
}

void Optimizer::move_grad(std::size_t leaf, char* data) {
    check_closed();
    plan_.tensors[leaf].grad.view.data = data;
    plan_.tensors[leaf].ordered_grad.view.data = data;
}

// -- a step ---------------------------------------------------------------------------------------

// Of each cohort, or of each tensor where sums make them differ.
void Optimizer::find_coefficients() {
    const Rule& r = rule();
    next_ = cohorts_;
    coefficients_.resize(cohorts_.size());
    for (std::size_t c = 0; c < cohorts_.size(); ++c) {
        if (cohorts_[c].resting) continue;
        Coefficients& to = coefficients_[c];
        const double* h = hyper_[static_cast<std::size_t>(cohorts_[c].group)].data();
        const double* common = h + r.n_hyper;
        r.coefficients(h, ++next_[c].count, next_[c].carry.data(), to.of_rule);
        const double decay = common[Common::weight_decay], rate = h[0];
        to.policy = {(options_.maximize ? -1.0 : 1.0) / options_.grad_scale, options_.max_value,
                     options_.decoupled ? 0.0 : decay, options_.decoupled ? rate * decay : 0.0};
        if (r.decay) to.policy.decay = r.decay(h);
        to.max_ratio = common[Common::agc];
        to.least_norm = common[Common::agc_epsilon];
    }
    if (r.n_sums == 0) return;
    const std::vector<Coefficients> of_cohorts = coefficients_;
    coefficients_.clear();
    for (const int c : cohort_of_) coefficients_.push_back(of_cohorts[static_cast<std::size_t>(c)]);
}

// A unit of which this range is only a part would be the caller's to complete.
void Optimizer::check_units() const {
    const auto clips = [](const Coefficients& by) { return !std::isinf(by.max_ratio); };
    if (std::none_of(coefficients_.begin(), coefficients_.end(), clips)) return;
    for (const std::size_t k : plan_.moving.tensors) {
        const Tensor& tensor = plan_.tensors[k];
        if (!clips(coefficients_[static_cast<std::size_t>(tensor.coefficients)])) continue;
        if (!whole(k))
            throw std::invalid_argument(
                "agc is set for a parameter that the range cuts; None is wanted");
        const std::vector<std::int64_t>& shape = leaves_[k].shape;
        if (tensor.units == 0 && std::count(shape.begin(), shape.end(), 0) == 0)
            throw std::invalid_argument("agc_axis is " + std::to_string(*options_.agc_axis) +
                                        "; an axis of every array of two or more is wanted, and "
                                        "one of the parameters has " +
                                        std::to_string(shape.size()));
    }
}

std::vector<double> Optimizer::block_sums(double scale) const {
    return schuss::block_sums(plan_, scale, threads_for(moving()));
}

// Everything of a step but what is written and whether it is taken.
void Optimizer::prepare(std::optional<double> grad_norm) {
    check_closed();
    if (!ready() || !bound_)
        throw std::runtime_error(ready() ? "no arrays are bound; bind() comes first"
                                         : "no hyperparameters are set; set_hyper() comes first");
    if (grad_norm && *grad_norm < 0.0)
        throw std::invalid_argument("grad_norm is " + std::to_string(*grad_norm) +
                                    "; a number of at least 0 is wanted");
    find_coefficients();
    check_units();
    if (partial() && !grad_norm && (clips() || checks()))
        throw std::invalid_argument(
            "grad_norm is None; that of all ranges is wanted for max_norm "
            "and nonfinite");
    StepReport report;
    unfit_ = {};
    if (clips() || checks() || grad_norm) {
        const double norm = grad_norm ? *grad_norm * options_.grad_scale
                                      : gradient_norm(plan_, threads_for(moving()));
        report.grad_norm = grad_norm ? *grad_norm : norm / options_.grad_scale;
        if (clips() && !(*report.grad_norm <= options_.max_norm))
            report.clip_factor = options_.max_norm / (*report.grad_norm + 1e-6);
        // A norm that is not finite makes all of the gradients so: look at them as they came.
        const double factor = std::isfinite(norm) ? report.clip_factor : 1.0;
        if (!(*report.grad_norm * factor <= surely_fit(plan_, rule().squares)))
            unfit_ = find_unfit(plan_, {factor / options_.grad_scale, options_.max_value, 0.0, 0.0},
                                rule().squares);
        report.nonfinite = unfit_.count;
        if (report.clip_factor != 1.0)
            for (Coefficients& by : coefficients_) by.policy.scale *= report.clip_factor;
    }
    report.learning_rate = hyper_[0][0];
    report.skipped = checks() && grad_norm && !std::isfinite(*grad_norm);
    next_report_ = report;
}

// Whether a step with so many unfit elements in all ranges is taken.
bool Optimizer::take(std::int64_t unfit) {
    StepReport& report = next_report_;
    unfit_.count = unfit;
    if (report.nonfinite) report.nonfinite = unfit;
    report.skipped |= checks() && unfit > 0;
    report.step = step_count;
    if (!report.skipped) clip_units(plan_, plan_.moving, coefficients_, threads_for(moving()));
    if (report.skipped && options_.nonfinite == Nonfinite::kSkip) report_ = report;
    return !report.skipped;
}

// -- its phases -----------------------------------------------------------------------------------

void Optimizer::check_closed() const {
    if (phase_ != Phase::kClosed)
        throw std::runtime_error("a step is open; close() or cancel() comes first");
}

void Optimizer::check_phase(Phase wanted) const {
    if (phase_ == Phase::kClosed) throw std::runtime_error("no step is open; open() comes first");
    if (phase_ == Phase::kOpen && wanted != Phase::kOpen)
        throw std::runtime_error("unfit gradients of all ranges are not known; decide() is wanted");
    if (phase_ == wanted) return;
    if (phase_ == Phase::kReady)
        throw std::runtime_error("the step is ready to run; run(leaves) or close() is wanted");
    throw std::runtime_error(phase_ == Phase::kDecided
                                 ? "the rule has sums; gather() is wanted"
                                 : "sums were gathered; set_sums(sums) is wanted");
}

bool Optimizer::open(std::optional<double> grad_norm) {
    const FloatEnvironment pinned;
    prepare(grad_norm);
    const bool waits = partial() && checks();
    if (!waits && !take(unfit_.count)) return false;
    ran_.assign(leaves_.size(), false);
    phase_ = waits ? Phase::kOpen : rule().n_sums > 0 ? Phase::kDecided : Phase::kReady;
    return true;
}

bool Optimizer::decide(std::int64_t unfit) {
    check_phase(Phase::kOpen);
    if (unfit < unfit_.count)
        throw std::invalid_argument("unfit is " + std::to_string(unfit) + "; at least the " +
                                    std::to_string(unfit_.count) + " of this range are wanted");
    const FloatEnvironment pinned;
    const bool taken = take(unfit);
    phase_ = !taken ? Phase::kClosed : rule().n_sums > 0 ? Phase::kDecided : Phase::kReady;
    return taken;
}

void Optimizer::gather(const Row& row, std::vector<double>& sums) {
    sums.resize(static_cast<std::size_t>(plan_.first_pieces.back() * rule().n_sums));
    schuss::gather(rule(), plan_, row, coefficients_, sums.data(), threads_for(row.total()));
}

std::vector<double> Optimizer::gather() {
    check_phase(rule().n_sums > 0 ? Phase::kDecided : Phase::kReady);
    const FloatEnvironment pinned;
    std::vector<double> sums;
    if (rule().n_sums == 0) return sums;
    gather(plan_.moving, sums);
    phase_ = Phase::kGathered;
    return sums;
}

void Optimizer::set_sums(const Row& row, const std::vector<double>& sums) {
    const Rule& r = rule();
    for (const std::size_t k : row.tensors) {
        double totals[kMaxSums] = {};
        for (std::int64_t piece = first_pieces_[k]; piece < first_pieces_[k + 1]; ++piece)
            for (int s = 0; s < r.n_sums; ++s)
                totals[s] += sums.at(static_cast<std::size_t>(piece * r.n_sums + s));
        const Cohort& cohort = cohorts_[static_cast<std::size_t>(cohort_of_[k])];
        r.set_sums(hyper_[static_cast<std::size_t>(cohort.group)].data(), totals,
                   coefficients_[k].of_rule);
    }
}

void Optimizer::set_sums(const std::vector<double>& sums) {
    check_phase(rule().n_sums > 0 ? Phase::kGathered : Phase::kReady);
    const FloatEnvironment pinned;
    const auto wanted = static_cast<std::size_t>(first_pieces_.back() * rule().n_sums);
    if (sums.size() != wanted)
        throw std::invalid_argument("sums has " + std::to_string(sums.size()) + " numbers; " +
                                    std::to_string(wanted) + " of the whole model are wanted");
    if (rule().n_sums > 0) set_sums(plan_.moving, sums);
    phase_ = Phase::kReady;
}

void Optimizer::run(const Row& row) {
    update(rule(), plan_, row, coefficients_, threads_for(row.total()));
}

void Optimizer::run(const std::vector<std::size_t>& leaves) {
    check_phase(Phase::kReady);
    std::vector<bool> ran = ran_;
    Row row;
    for (const std::size_t k : leaves) {
        if (k >= leaves_.size() || ran[k])
            throw std::invalid_argument(
                "leaves has " + std::to_string(k) +
                (k < leaves_.size()
                     ? " again; each once a step is wanted"
                     : "; less than " + std::to_string(leaves_.size()) + " is wanted"));
        ran[k] = true;
        if (!plan_.tensors[k].resting) row.add(k, plan_.tensors[k].count);
    }
    const FloatEnvironment pinned;
    run(row);
    ran_ = std::move(ran);
}

// Both passes over tensors that fit into the second cache together, then over the next ones: what
// the first pass brought there the second finds.
void Optimizer::run_in_passes() {
    std::vector<double> sums;
    const auto both = [&](const Row& row) {
        gather(row, sums);
        set_sums(row, sums);
        run(row);
    };
    Row row;
    std::int64_t bytes = 0;
    for (const std::size_t k : plan_.moving.tensors) {
        const Tensor& tensor = plan_.tensors[k];
        const std::int64_t more = tensor.count * kBytes[tensor.dtype] * (2 + rule().n_slots);
        if (bytes > 0 && bytes + more > kTogether) {
            both(row);
            row = Row();
            bytes = 0;
        }
        row.add(k, tensor.count);
        bytes += more;
    }
    both(row);
}

void Optimizer::commit() {
    const auto is = [](bool present) { return present; };
    if (present_.empty() || std::any_of(present_.begin(), present_.end(), is)) {
        if (options_.carry_float32)
            for (Cohort& cohort : next_)
                for (double& value : cohort.carry) value = static_cast<float>(value);
        cohorts_ = next_;
        ++step_count;
    }
    report_ = next_report_;
    report_->step = step_count;
}

void Optimizer::close() {
    check_phase(Phase::kReady);
    for (const std::size_t k : plan_.moving.tensors)
        if (!ran_[k] && plan_.tensors[k].count > 0)
            throw std::runtime_error("leaf " + std::to_string(k) +
                                     " has not run; run(leaves) is wanted for all that move");
    commit();
    phase_ = Phase::kClosed;
}

void Optimizer::cancel() {
    if (phase_ == Phase::kClosed) check_phase(Phase::kReady);
    const bool gathered = rule().n_sums > 0 && phase_ > Phase::kDecided;
    if (gathered || std::find(ran_.begin(), ran_.end(), true) != ran_.end())
        throw std::runtime_error(
            "the step has written; only its end, up to close(), leaves nothing halfway");
    phase_ = Phase::kClosed;
}

void Optimizer::run_all() {
    using Clock = std::chrono::steady_clock;
    const bool timed = std::min(useful_threads(moving()), options_.threads) > 1;
    const Clock::time_point start = timed ? Clock::now() : Clock::time_point();
    rule().n_sums > 0 ? run_in_passes() : run(plan_.moving);
    if (timed) pace_.record(std::chrono::duration<double>(Clock::now() - start).count());
}

bool Optimizer::step_together(std::span<Optimizer* const> all, std::optional<double> grad_norm) {
    if (all.empty()) return true;
    const FloatEnvironment pinned;
    const Optimizer& first = *all.front();
    if (all.size() > 1 && !grad_norm && (first.clips() || first.checks())) {
        const auto sums_of_all = [&](double scale) {
            std::vector<double> sums;
            for (const Optimizer* each : all) {
                const std::vector<double> more = each->block_sums(scale);
                sums.insert(sums.end(), more.begin(), more.end());
            }
            return sums;
        };
        grad_norm = norm_of(sums_of_all) / first.options_.grad_scale;
    }
    std::int64_t unfit = 0;
    for (Optimizer* each : all) {
        each->prepare(grad_norm);
        if (each->partial() && (each->rule().n_sums > 0 || each->checks()))
            throw std::invalid_argument(
                "a range steps in phases where the rule has sums or nonfinite is set; open, "
                "decide, gather, set_sums, run and close are wanted");
        unfit += each->unfit_.count;
    }
    bool taken = true;
    for (Optimizer* each : all) taken &= each->take(unfit);
    if (taken)
        for (Optimizer* each : all) {
            each->run_all();
            each->commit();
        }
    return taken;
}

bool Optimizer::step(std::optional<double> grad_norm) {
    Optimizer* const self = this;
    return step_together({&self, 1}, grad_norm);
}

}  // namespace schuss

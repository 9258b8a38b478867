#include "solvers/solver.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <limits>

#include "runtime/float_environment.hpp"
#include "solvers/line_search.hpp"

namespace schuss {
namespace {

// Rounding errors of f that make two values equal: a sum of many terms carries more than one.
// The first step as a part of x: of 0.1 to 1, the best for BFGS on data in raw units (NIST), and
// within 2 % of the best on the standard problems.
constexpr double kFirst = 0.3;

// A run that has gone so many times as far as its first step was to lead, and down by so many times
// what f and that step were, ends as unbounded.
constexpr double kFar[kDTypes] = {1e10, 1e16}, kDeep = 1e8;

// All steps together, before x comes to where its dtype ends.
constexpr double kLongest[kDTypes] = {2e38, 1e308};

constexpr double kNoise[kDTypes] = {16.0, 4096.0};

// Steps that disagree before a run does not end well; where f and its gradient have next to nothing
// in common, a step counts half as much again.
constexpr double kSuspicious = 2.5, kUnrelated = 0.9;
// The weight of a blind step: along x^4, one to near the minimum disagrees as much as where the
// gradient is twice what it should be.
constexpr double kBlind = 0.2;
// A change of more than so many times what the slope promised is that of another valley.
constexpr double kWild = 1000.0;
// How much the slope may change along a step from which its gradient is blamed.
constexpr double kSteady = 0.5;

// Rounding errors of x that a step, and times the gradient a change of f, must stand out from.
constexpr double kHidden = 10.0;

// The gradient has become smaller when it is below this part of the smallest so far.
constexpr double kProgress = 0.9;
constexpr int kMostIdle = 40;  // evaluations

// Where f would change by more than this part of its size if x did by its own, and the gradient
// stayed, one direction without promise does not make a minimum. Float32 cannot tell: points as
// flat as rounding x lets them be have ratios from 1e-5 to 1e7.
constexpr double kFlat[kDTypes] = {std::numeric_limits<double>::infinity(), 1e-3};

// Significant bits of a number: 1 for powers of two, at most 53.
int bits_of(double value) {
    const auto mantissa = std::bit_cast<std::uint64_t>(value) & ((1ull << 52) - 1);
    return mantissa == 0 ? 1 : 53 - std::countr_zero(mantissa);
}

// The change of f along a step, or where it is more, what the slopes say of it.
double size_of(const Step& step) {
    return std::max(std::abs(step.change), std::abs(step.from + step.to) / 2.0);
}

constexpr int kSingle = 24, kShort = 16;  // bits of float32, and of numbers that may be round

}  // namespace

void Solver::Grain::see(double value) {
    const int bits = bits_of(value);
    single = single || bits > kShort;
    twice = twice || bits > kSingle;
}

// f and g may have been computed in float32, whatever they arrive in: then all of them fit into it,
// and not because they are round.
void Solver::see(double value, const char* gradient) {
    if (dtype() == kFloat32) return;
    if (!values_.twice && std::isfinite(value)) values_.see(value);
    for (std::int64_t i = 0; i < n_ && !slopes_.twice; ++i) {
        double slope;  // a gradient lies where its owner has it, aligned or not
        std::memcpy(&slope, gradient + i * size_of(kFloat64), sizeof slope);
        if (std::isfinite(slope)) slopes_.see(slope);
    }
}

DType Solver::precision() const {
    return dtype() == kFloat32 || values_.coarse() || slopes_.coarse() ? kFloat32 : kFloat64;
}

Solver::Solver(std::int64_t n, DType iterates, DType directions, const char* x0,
               const Limits& limits)
    : n_(n),
      limits_(limits),
      work_(n, iterates, directions),
      x_(std::make_shared<Vector>(n, iterates, 1)),
      trial_(std::make_shared<Vector>(n, iterates, 2)),
      g_(std::make_shared<Vector>(n, iterates, 3)) {
    std::memcpy(x_->data(), x0, static_cast<std::size_t>(x_->bytes()));
    std::memcpy(trial_->data(), x0, static_cast<std::size_t>(x_->bytes()));
}

double Solver::epsilon() const {
    return precision() == kFloat32 ? std::numeric_limits<float>::epsilon()
                                   : std::numeric_limits<double>::epsilon();
}

double Solver::noise() const { return kNoise[precision()] * epsilon() * std::abs(lowest_); }

void Solver::check_request(Request told) const {
    if (done()) throw std::logic_error("the solver is done: " + message_);
    if (told != waiting_for_) throw std::logic_error("something else was requested");
}

std::string Solver::tell_hessian(const double* h, const LaneModel* ready) {
    check_request(Request::kHessian);
    const FloatEnvironment pinned;
    return receive_hessian(h, ready);
}

void Solver::tell_product(const double* product) {
    check_request(Request::kHessianProduct);
    const FloatEnvironment pinned;
    receive_product(product);
}

void Solver::tell(double value, const char* gradient) {
    check_request(Request::kValueAndGradient);
    const FloatEnvironment pinned;
    ++evaluations_;
    see(value, gradient);
    if (evaluations_ > 1 && value == -INFINITY) {
        finish(Status::kUnbounded, "f is -inf: it is unbounded below");
    } else if (evaluations_ > 1) {
        receive(value, gradient);
    } else {
        const VectorWork::Sizes sizes = work_.norms(gradient);
        std::memcpy(g_->data(), gradient, static_cast<std::size_t>(g_->bytes()));
        value_ = lowest_ = record_value_ = first_value_ = value;
        largest_ = record_gradient_ = sizes.largest;
        if (!std::isfinite(value))
            finish(Status::kNotFinite, "f is %g at the first point", value);
        else if (!std::isfinite(sizes.squares))
            finish(Status::kNotFinite, "the gradient is not finite at the first point");
        else if (largest_ <= limits_.gtol && gradient_decides())
            flat(largest_);
        else {
            first_slope_ = std::sqrt(sizes.squares);
            first_length_ = fair_length(first_slope_);
            first_size_ = std::sqrt(work_.norms(x_->data()).squares);
            start(sizes);
        }
    }
    if (!done() && limits_.maxiter == 0)
        finish(Status::kLimit, "maxiter = 0: f was evaluated at x0, and no step was taken");
    if (!done() && evaluations_ >= limits_.maxfun)
        finish(Status::kLimit, "maxfun = %lld evaluations were made",
               static_cast<long long>(limits_.maxfun));
}

void Solver::stop(const std::string& message) {
    if (!done()) finish(Status::kStopped, "%s", message.c_str());
}

void Solver::refuse(const std::string& message) {
    if (!done()) finish(Status::kNotFinite, "%s", message.c_str());
}

void Solver::flat(double largest) {
    finish(Status::kConverged, "the largest element of the gradient, %.3g, is at most gtol = %.3g",
           largest, limits_.gtol);
    if (precision() == dtype()) doubt();  // values coarser than x prove nothing against it
}

void Solver::doubt() {
    if (status_ == Status::kConverged && suspicion_ >= kSuspicious)
        finish(
            Status::kWrongGradient,
            "f and its gradient disagree: over each of the last steps f changed by another amount "
            "than the gradient says. It is wrong, or f is not smooth");
}

bool Solver::ends(double value, double largest, double promise) {
    const double decrease = value_ - value;
    const double size = std::max({std::abs(value_), std::abs(value), 1.0});
    if (largest <= limits_.gtol) {
        if (gradient_decides()) flat(largest);
    } else if (limits_.ftol > 0.0 && std::max(decrease, promise) <= limits_.ftol * size) {
        finish(Status::kConverged,
               "the last decrease of f, %.3g, is at most ftol = %.3g times %.3g", decrease,
               limits_.ftol, size);
        doubt();
    }
    if (!done() && iterations_ + 1 >= limits_.maxiter && largest > limits_.gtol)
        finish(Status::kLimit, "maxiter = %lld iterations were made",
               static_cast<long long>(limits_.maxiter));
    return done();
}

void Solver::move(double value, double largest, double length) {
    travelled_ += length;
    std::swap(x_, trial_);
    value_ = value;
    largest_ = largest;
    lowest_ = std::min(lowest_, value);
    ++iterations_;
    if (best_x_ && best_value_ >= value) best_x_.reset();
}

// Hager and Zhang 2006, section 5, has a part of x or else of |f| / |g|^2; here both are bounds.
double Solver::fair_length(double gradient) {
    const double x = kFirst * std::sqrt(work_.norms(x_->data()).squares);
    const double f = gradient > 0.0 ? std::abs(value_) / gradient : 0.0;
    // f may be 0 but for rounding.
    if (x > 0.0 && f > 0.0) return std::clamp(f, std::sqrt(epsilon()) * x, x);
    if (x > 0.0 || f > 0.0) return x + f;
    return gradient > 0.0 ? std::min(1.0, gradient) : 1.0;
}

bool Solver::beyond(double length) const { return travelled_ + length > kLongest[dtype()]; }

bool Solver::runs_away() {
    const double fell = first_value_ - value_;
    if (!(travelled_ > kFar[dtype()] * first_length_ &&
          fell > kDeep * (std::abs(first_value_) + first_slope_ * first_length_)))
        return false;
    finish(
        Status::kUnbounded,
        "f fell from %.3g to %.3g along steps of a length of %.3g and is still falling: it seems "
        "to be unbounded below",
        first_value_, value_, travelled_);
    return true;
}

void Solver::keep_this_if_better(double value) {
    if (best_x_ || !(value > value_)) return;
    best_x_ = x_;
    best_value_ = value_;
    if (!best_g_) best_g_ = std::make_shared<Vector>(n_, dtype(), 4);
    std::memcpy(best_g_->data(), g_->data(), static_cast<std::size_t>(g_->bytes()));
}

void Solver::keep_if_best(double value, const char* gradient) {
    if (!(value < lowest_)) return;
    lowest_ = best_value_ = value;
    best_x_ = trial_;
    if (!best_g_) best_g_ = std::make_shared<Vector>(n_, dtype(), 4);
    std::memcpy(best_g_->data(), gradient, static_cast<std::size_t>(g_->bytes()));
}

void Solver::fresh_trial() {
    if (trial_.use_count() == 1) return;
    if (!spare_ || spare_.use_count() != 1) spare_ = std::make_shared<Vector>(n_, dtype(), 5);
    std::swap(trial_, spare_);
}

Solver::Best Solver::best() const {
    const bool converged = status_ == Status::kConverged || status_ == Status::kRunning;
    if (best_x_ && (!converged || best_value_ < value_ - noise()))
        return {best_x_, best_g_, best_value_};
    return {x_, g_, value_};
}

double disagreement(const Step& step) {
    const double size = size_of(step);
    return size > 0.0 ? std::abs(step.change - (step.from + step.to) / 2.0) / size : 0.0;
}

// The rounding of x is in the change of f and not in the slopes, and a step hardly longer than that
// is not the one that f and its gradient saw. A value may be the rest of terms that cancel, and its
// error that of theirs: after agreement over a large change a small one says little.
bool Solver::tells(const Step& step) const {
    const double rounding = kHidden * epsilon() * (first_size_ + travelled_);
    const double least =
        std::max({kTelling * noise(), rounding * largest_, std::sqrt(epsilon()) * agreed_});
    return size_of(step) > least && step.length > rounding &&
           std::abs(step.change) <= kWild * std::abs(step.from);
}

void Solver::watch(const Step& step) {
    if (!tells(step)) return;
    const double part = disagreement(step), weight = step.blind ? kBlind : 1.0;
    if (part <= kDisagree) agreed_ = std::max(agreed_, size_of(step));
    suspicion_ = part > kUnrelated  ? suspicion_ + 1.5 * weight
                 : part > kDisagree ? suspicion_ + weight
                                    : suspicion_ / 4.0;
}

// Only a step along which the slope stays much the same is evidence against one that is not taken.
void Solver::look(const Step& step) {
    if (tells(step) && std::abs(step.to - step.from) <= kSteady * std::abs(step.from))
        disagreement_ = disagreement(step);
}

bool Solver::idle(int evaluations) {
    progressed_ =
        value_ < record_value_ - kTelling * noise() || largest_ < kProgress * record_gradient_;
    if (progressed_) {
        disagreement_ = 0.0;
        record_value_ = std::min(record_value_, value_);
        record_gradient_ = std::min(record_gradient_, largest_);
        idle_ = 0;
    } else {
        idle_ += evaluations;
    }
    return idle_ >= kMostIdle;
}

void Solver::conclude(double promise) {
    const double x = std::sqrt(work_.norms(x_->data()).squares);
    const double along = x * std::sqrt(work_.norms(g_->data()).squares);
    const double hidden = std::max(noise(), epsilon() * along);
    const bool flat = along <= kFlat[dtype()] * std::abs(value_) ||
                      (hidden >= std::abs(value_) && precision() == dtype());
    if (disagreement_ > kDisagree)
        finish(Status::kWrongGradient,
               "f and its gradient disagree: over the last step that could tell, by %.0f %%. It is "
               "wrong, or f is not smooth here",
               100.0 * disagreement_);
    else if (flat && promise > 0.0 && promise <= hidden && suspicion_ < 1.0)
        finish(Status::kConverged,
               "the decrease of f still to be expected, %.3g, is less than rounding hides, %.3g",
               promise, hidden);
    else
        finish(Status::kNoDecrease,
               "no step decreases f any more: in %s its values differ by rounding alone from %.3g "
               "on; the largest element of the gradient is %.3g",
               precision() == kFloat32 ? "float32" : "float64", hidden, largest_);
}

void Solver::finish(Status status, const char* format, ...) {
    char text[256];
    va_list values;
    va_start(values, format);
    std::vsnprintf(text, sizeof text, format, values);
    va_end(values);
    status_ = status;
    message_ = text;
}

void Solver::visit(Archive& archive) {
    bool has_best = best_x_ != nullptr;
    archive(*x_);
    if (archive.reading()) trial_ = std::make_shared<Vector>(n_, dtype(), 2);
    archive(*trial_, *g_, value_, largest_, lowest_, iterations_, evaluations_, waiting_for_,
            status_, message_, suspicion_, disagreement_, agreed_, record_value_, record_gradient_,
            idle_, progressed_, values_, slopes_, first_value_, first_size_, first_length_,
            first_slope_, travelled_, has_best);
    if (!has_best) return;
    if (archive.reading()) {
        best_x_ = std::make_shared<Vector>(n_, dtype(), 5);
        best_g_ = std::make_shared<Vector>(n_, dtype(), 4);
    }
    archive(*best_x_, *best_g_, best_value_);
}

}  // namespace schuss

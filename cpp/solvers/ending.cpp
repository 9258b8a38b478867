#include "solvers/ending.hpp"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>

#include "steps/line_search.hpp"

namespace schuss {
namespace {

// A run that has gone so many times as far as its first step was to lead, and down by so many times
// what f and that step were, ends as unbounded.
constexpr double kFar[kDTypes] = {1e10, 1e16}, kDeep = 1e8;

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
constexpr double kMostIdle = 40.0;  // evaluations without progress

// Where f would change by more than this part of its size if x did by its own, and the gradient
// stayed, one direction without promise does not make a minimum. Float32 cannot tell: points as
// flat as rounding x lets them be have ratios from 1e-5 to 1e7.
constexpr double kFlat[kDTypes] = {INFINITY, 1e-3};

// The change of f along a step, or where it is more, what the slopes say of it.
double size_of(const Step& step) {
    return std::max(std::abs(step.change), std::abs(step.from + step.to) / 2.0);
}

}  // namespace

void Ending::finish(Status status, const char* format, ...) {
    char text[256];
    va_list values;
    va_start(values, format);
    std::vsnprintf(text, sizeof text, format, values);
    va_end(values);
    status_ = status;
    message_ = text;
}

void Ending::start() {
    record_value_ = seen_ = run_.value;
    record_gradient_ = run_.largest;
}

void Ending::count() {
    if (!done() && limits_.maxiter == 0)
        finish(Status::kLimit, "maxiter = 0: f was evaluated at x0, and no step was taken");
    if (!done() && run_.evaluations >= limits_.maxfun)
        finish(Status::kLimit, "maxfun = %lld evaluations were made",
               static_cast<long long>(limits_.maxfun));
}

void Ending::converge(const char* format, double found, double wanted) {
    char text[256];
    std::snprintf(text, sizeof text, format, found, wanted);
    finish(Status::kConverged, "%s", text);
    doubt();
}

void Ending::flat(double largest) {
    finish(Status::kConverged, "the largest element of the %s, %.3g, is at most gtol = %.3g",
           gradient_, largest, limits_.gtol);
    if (run_.precision() == run_.dtype) doubt();  // values coarser than x prove nothing against it
}

void Ending::doubt() {
    if (status_ == Status::kConverged && suspicion_ >= kSuspicious)
        finish(
            Status::kWrongGradient,
            "f and its gradient disagree: over each of the last steps f changed by another amount "
            "than the gradient says. It is wrong, or f is not smooth");
}

bool Ending::ends_at(double value, double largest, double promise, bool gradient_decides) {
    const double decrease = run_.value - value;
    const double size = std::max({std::abs(run_.value), std::abs(value), 1.0});
    if (largest <= limits_.gtol) {
        if (gradient_decides) flat(largest);
    } else if (limits_.ftol > 0.0 && std::max(decrease, promise) <= limits_.ftol * size) {
        finish(Status::kConverged,
               "the last decrease of f, %.3g, is at most ftol = %.3g times %.3g", decrease,
               limits_.ftol, size);
        doubt();
    }
    if (!done() && run_.iterations + 1 >= limits_.maxiter && largest > limits_.gtol)
        finish(Status::kLimit, "maxiter = %lld iterations were made",
               static_cast<long long>(limits_.maxiter));
    return done();
}

bool Ending::runs_away() {
    const double fell = run_.first_value - run_.value;
    if (!(run_.travelled > kFar[run_.dtype] * run_.first_length &&
          fell > kDeep * (std::abs(run_.first_value) + run_.first_slope * run_.first_length)))
        return false;
    finish(
        Status::kUnbounded,
        "f fell from %.3g to %.3g along steps of a length of %.3g and is still falling: it seems "
        "to be unbounded below",
        run_.first_value, run_.value, run_.travelled);
    return true;
}

double disagreement(const Step& step) {
    const double size = size_of(step);
    return size > 0.0 ? std::abs(step.change - (step.from + step.to) / 2.0) / size : 0.0;
}

// The rounding of x is in the change of f and not in the slopes, and a step hardly longer than that
// is not the one that f and its gradient saw. A value may be the rest of terms that cancel, and its
// error that of theirs: after agreement over a large change a small one says little.
bool Ending::tells(const Step& step) const {
    const double rounding = kHidden * run_.epsilon() * (run_.first_size + run_.travelled);
    const double least = std::max(
        {kTelling * run_.noise(), rounding * run_.largest, std::sqrt(run_.epsilon()) * agreed_});
    return size_of(step) > least && step.length > rounding &&
           std::abs(step.change) <= kWild * std::abs(step.from);
}

void Ending::watch_taken(const Step& step) {
    if (!tells(step)) return;
    const double part = disagreement(step), weight = step.blind ? kBlind : 1.0;
    if (part <= kDisagree) agreed_ = std::max(agreed_, size_of(step));
    suspicion_ = part > kUnrelated  ? suspicion_ + 1.5 * weight
                 : part > kDisagree ? suspicion_ + weight
                                    : suspicion_ / 4.0;
}

// Only a step along which the slope stays much the same is evidence against one that is not taken.
void Ending::watch_untaken(const Step& step) {
    if (tells(step) && std::abs(step.to - step.from) <= kSteady * std::abs(step.from))
        disagreement_ = disagreement(step);
}

bool Ending::idle(int evaluations, double lower) {
    progressed_ = run_.value < record_value_ - kTelling * run_.noise() ||
                  run_.largest < kProgress * record_gradient_;
    if (progressed_) {
        disagreement_ = 0.0;
        record_value_ = std::min(record_value_, run_.value);
        record_gradient_ = std::min(record_gradient_, run_.largest);
        idle_ = 0.0;
    } else {
        idle_ += run_.value < seen_ ? lower * evaluations : evaluations;
    }
    seen_ = std::min(seen_, run_.value);
    return idle_ >= kMostIdle;
}

void Ending::conclude(double promise, double x_times_g) {
    const double hidden = std::max(run_.noise(), run_.epsilon() * x_times_g);
    const bool flat = x_times_g <= kFlat[run_.dtype] * std::abs(run_.value) ||
                      (hidden >= std::abs(run_.value) && run_.precision() == run_.dtype);
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
               "on; the largest element of the %s is %.3g",
               run_.precision() == kFloat32 ? "float32" : "float64", hidden, gradient_,
               run_.largest);
}

void Ending::visit(Archive& archive) {
    archive(status_, message_, disagreement_, agreed_, suspicion_, record_value_, record_gradient_,
            seen_, idle_, progressed_);
}

}  // namespace schuss

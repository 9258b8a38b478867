#include "steps/line_search.hpp"

#include <algorithm>
#include <cmath>

namespace schuss {
namespace {

// Moré and Thuente 1994, sections 2 and 4: how far a step may be extrapolated, where in a bracket
// it must stay, and how much the bracket must shrink in two steps.
constexpr double kNearest = 1.1, kFarthest = 4.0, kInside = 0.66, kShrink = 0.66;

constexpr double kShortest = 1e-15;  // relative width of a bracket that is not worth halving
constexpr double kBackOut = 0.1;     // of the step at which f was not finite
constexpr int kMostBackOuts = 40;    // by then the step is 1e-40 of the first

// Where the cubic through two values and slopes is least; NaN where it has no minimum.
double cubic_minimum(const LineSearch::Point& a, const LineSearch::Point& b) {
    const double theta = 3.0 * (a.value - b.value) / (b.step - a.step) + a.slope + b.slope;
    const double scale = std::max({std::abs(theta), std::abs(a.slope), std::abs(b.slope)});
    if (scale == 0.0) return NAN;
    const double under = theta / scale * (theta / scale) - a.slope / scale * (b.slope / scale);
    double gamma = scale * std::sqrt(under);
    if (b.step < a.step) gamma = -gamma;
    const double above = gamma - a.slope + theta;
    const double below = gamma - a.slope + gamma + b.slope;
    return a.step + above / below * (b.step - a.step);
}

// Where the parabola through both values and a's slope is least.
double quadratic_minimum(const LineSearch::Point& a, const LineSearch::Point& b) {
    const double span = b.step - a.step;
    return a.step + a.slope / ((a.value - b.value) / span + a.slope) / 2.0 * span;
}

// Where the line through both slopes is zero.
double secant_zero(const LineSearch::Point& a, const LineSearch::Point& b) {
    return b.step + b.slope / (b.slope - a.slope) * (a.step - b.step);
}

// Half way, or half the orders of magnitude where there are many between.
double middle(double low, double high) {
    return low > 0.0 && high > 10.0 * low ? std::sqrt(low) * std::sqrt(high) : (low + high) / 2.0;
}

}  // namespace

LineSearch::LineSearch(const Settings& settings, double value, double slope, double first_step,
                       double highest, double noise)
    : settings_(settings),
      start_{0.0, value, slope},
      best_(start_),
      x_(start_),
      y_(start_),
      highest_(highest),
      noise_(noise),
      trial_(std::min(first_step, settings.max_step)),
      high_(trial_ + kFarthest * trial_),
      width_(settings.max_step),
      width_before_(2.0 * settings.max_step),
      stretch_(kFarthest),
      wall_(INFINITY) {}

LineSearch::Verdict LineSearch::tell(double value, double slope) {
    ++evaluations_;
    if (!std::isfinite(value) || !std::isfinite(slope)) {
        ++not_finite_;
        if (not_finite_ > kMostBackOuts) return give_up();
        back_out();
        return Verdict::kContinue;
    }
    // What rounding hides the slopes still say: the mean of both times the step.
    const bool level = std::abs(value - start_.value) <= noise_ && value <= highest_;
    const Point trial{trial_, level ? start_.value + trial_ * (start_.slope + slope) / 2.0 : value,
                      slope};
    if (std::abs(value - start_.value) > kTelling * noise_ &&
        (telling_.step == 0.0 || trial.step < telling_.step))
        telling_ = trial;
    falling_ = !level && value < start_.value;
    value = trial.value;
    if (value < best_.value) best_ = trial;
    if (const double rise = slope - start_.slope; rise > 0.0)
        promise_ = std::max(promise_, start_.slope / rise * start_.slope * trial.step / 2.0);

    const bool falls = value <= start_.value + settings_.c1 * trial.step * start_.slope;
    const bool flat = std::abs(slope) <= -settings_.c2 * start_.slope;
    if (falls && flat) return Verdict::kAccept;
    if (trial.step >= settings_.max_step && falls && slope < 0.0)
        return settings_.to_the_end ? Verdict::kAccept : level ? give_up() : Verdict::kUnbounded;
    if (evaluations_ - not_finite_ >= settings_.max_evaluations) return give_up();
    return narrow(trial);
}

double LineSearch::promise() const { return promise_ > 0.0 ? promise_ : INFINITY; }

LineSearch::Verdict LineSearch::give_up() const {
    const double enough = start_.value + settings_.c1 * best_.step * start_.slope;
    return best_.step > 0.0 && best_.value <= enough ? Verdict::kImperfect : Verdict::kNoDecrease;
}

// Back towards the best step of the interval, and never again so far.
void LineSearch::back_out() {
    wall_ = trial_;
    trial_ = x_.step + kBackOut * (trial_ - x_.step);
}

// The four cases of Moré and Thuente, section 4.
double LineSearch::next_step(const Point& x, const Point& y, const Point& t) const {
    const double cubic = cubic_minimum(x, t);
    if (t.value > x.value) {
        const double quadratic = quadratic_minimum(x, t);
        const bool closer = std::abs(cubic - x.step) < std::abs(quadratic - x.step);
        return closer ? cubic : cubic + (quadratic - cubic) / 2.0;
    }
    const double secant = secant_zero(x, t);
    if (t.slope * x.slope < 0.0)
        return std::abs(cubic - t.step) >= std::abs(secant - t.step) ? cubic : secant;
    const double end = t.step > x.step ? high_ : low_;
    if (std::abs(t.slope) <= std::abs(x.slope)) {
        // The cubic counts only where it has its minimum beyond the trial.
        const bool beyond = (cubic - t.step) * (t.step - x.step) > 0.0;
        const double candidate = beyond ? cubic : end;
        if (!bracketed_) {
            const bool farther = std::abs(candidate - t.step) > std::abs(secant - t.step);
            return std::clamp(farther ? candidate : secant, low_, high_);
        }
        const bool closer = std::abs(candidate - t.step) < std::abs(secant - t.step);
        const double next = closer ? candidate : secant;
        const double inside = t.step + kInside * (y.step - t.step);
        return t.step > x.step ? std::min(next, inside) : std::max(next, inside);
    }
    return bracketed_ ? cubic_minimum(t, y) : end;
}

// Shrinks the interval of uncertainty around the trial and chooses the next step.
LineSearch::Verdict LineSearch::narrow(const Point& trial) {
    const double enough = settings_.c1 * start_.slope;
    const double above = trial.value - start_.value - enough * trial.step;  // psi of the paper
    if (first_stage_ && above <= 0.0 && trial.slope >= 0.0) first_stage_ = false;
    const double tilt = first_stage_ && trial.value <= x_.value && above > 0.0 ? enough : 0.0;
    const auto tilted = [tilt](const Point& p) {
        return Point{p.step, p.value - tilt * p.step, p.slope - tilt};
    };
    const Point x = tilted(x_), t = tilted(trial);
    trial_ = next_step(x, tilted(y_), t);
    if (t.value > x.value) {
        y_ = trial;
        bracketed_ = true;
    } else {
        if (t.slope * x.slope < 0.0) {
            y_ = x_;
            bracketed_ = true;
        }
        x_ = trial;
    }
    if (!bracketed_) {
        low_ = trial_ + kNearest * (trial_ - x_.step);
        // In leaps: each is extrapolated four times as far as the one before.
        if (falling_ && ++extrapolated_ > settings_.patience) stretch_ *= kFarthest;
        high_ = trial_ + stretch_ * (trial_ - x_.step);
        trial_ = std::min({trial_, settings_.max_step, (x_.step + wall_) / 2.0});
        return trial_ > x_.step ? Verdict::kContinue : give_up();
    }
    const double width = std::abs(y_.step - x_.step);
    low_ = std::min(x_.step, y_.step);
    high_ = std::max(x_.step, y_.step);
    if (width >= kShrink * width_before_ || !(trial_ > low_ && trial_ < high_))
        trial_ = middle(low_, high_);
    width_before_ = width_;
    width_ = width;
    return width > kShortest * high_ ? Verdict::kContinue : give_up();
}

}  // namespace schuss

#include "solvers/descent.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

namespace schuss {
namespace {

// A pair is learned from when s.y > kCurvature |s| |y|, which no scaling of x or f changes, and y
// is more than what rounding leaves of equal gradients. Thresholds much larger than the first cost
// solved problems: one in five of the NIST set at 1e-10 (Ceres Solver's measurement).
constexpr double kCurvature[kDTypes] = {1e-7, 1e-14};

// Powell 1978: s.y is raised to this part of s.B s.
constexpr double kPowell = 0.2;

// Where curvature is known only along a few directions, the scale of the others may be off by many
// orders of magnitude: a search reaches them in leaps.
constexpr int kPatience = 2;

// In a box, what an evaluation without progress counts that led to a value lower than all before,
// if only by a little: where rounding decides, few do.
constexpr double kCreeps = 0.1;

// A direction whose angle with -g is closer to a right one is not used.
constexpr double kRight = 1e-14;

}  // namespace

Descent::Descent(const Start& from, const Limits& limits, DType directions,
                 const DescentSettings& settings, std::unique_ptr<Curvature> curvature)
    : Solver(from, limits, directions), settings_(settings), curvature_(std::move(curvature)) {
    settings_.search.patience = kPatience;
    settings_.search.to_the_end = bounds_ != nullptr;
}

void FreeGradient::copy(double* to) const {
    copy_as_doubles(g.dtype(), g.data(), g.size(), to);
    if (!bounds) return;
    std::vector<double> place(static_cast<std::size_t>(x.size()));
    copy_as_doubles(x.dtype(), x.data(), x.size(), place.data());
    for (std::size_t i = 0; i < place.size(); ++i) {
        const double lower = bounds->lower(i), upper = bounds->upper(i);
        const double ahead = place[i] - reach * to[i];
        if ((to[i] > 0.0 && ahead <= lower) || (to[i] < 0.0 && ahead >= upper) || lower == upper)
            to[i] = 0.0;
    }
}

// Of a direction along the gradient, of which nothing else is known.
double Descent::scale() {
    const double gradient = std::sqrt(gradient_squares_);
    return fair_length(gradient) / gradient;
}

void Descent::start(const VectorWork::Sizes& sizes) {
    gradient_squares_ = sizes.squares;
    if (learned_before_ && !curvature_->empty()) {
        box_.reach = scale();
        learn_products(g_->data(), g_->data(), false);
    } else {
        forget();
    }
    aim();
}

void Descent::forget() {
    box_.reach = scale();
    curvature_->forget(box_.reach);
}

void Descent::inherit(Solver& other) {
    auto* from = dynamic_cast<Descent*>(&other);
    check_unbegun();
    if (from == nullptr || from == this || from->n_ != n_ || from->dtype() != dtype() ||
        !from->bounds_ != !bounds_)
        throw std::logic_error("a solver of the same kind is wanted");
    std::swap(curvature_, from->curvature_);
    from->direction_ = nullptr;
    from->stop("another run goes on with what this one learned");
    learned_before_ = true;
}

void Descent::recall(const Pairs& pairs) {
    check_unbegun();
    const std::optional<Pairs> own = curvature_->pairs();
    if (!own || pairs.dtype != dtype()) Solver::recall(pairs);
    std::vector<double> step(static_cast<std::size_t>(n_));
    const Vector before(n_, dtype(), 0);  // a gradient of zeros, so that the next one is y
    for (std::size_t k = 0; k < pairs.s.size(); ++k) {
        std::memset(before.data(), 0, static_cast<std::size_t>(before.bytes()));
        copy_as_doubles(pairs.dtype, pairs.s[k], n_, step.data());
        copy_from_doubles(step.data(), n_, own->dtype, curvature_->place().s);
        learn_products(before.data(), pairs.y[k], true);
        curvature_->direction(free_gradient());  // makes room for the next
    }
    learned_before_ = true;
}

// What the curvature needs of a gradient, which takes the place of the one before. pair: s is in
// its place, and the difference of the two is y.
void Descent::learn_products(char* before, const char* gradient, bool pair) {
    const Curvature::Place& place = curvature_->place();
    const std::vector<double>& products = work_.pair(
        {before, gradient, 1.0, 1.0, 0.0, place.s, place.y, place.rows.data(),
         static_cast<int>(place.rows.size()), false, pair ? nullptr : box(), x_->data()});
    const double s_y = products[2 * place.s_row];
    curvature_->learn({products, pair && s_y > 0.0 && std::isfinite(s_y), 1.0, 0.0, 0.0, 0.0});
}

void Descent::receive(double value, const char* gradient) {
    const VectorWork::Sizes sizes =
        work_.probe({gradient, direction_, box(), trial_->data(), g_->data()});
    if (run_.beyond(step_ * std::sqrt(direction_squares_))) {
        if (sizes.finite) keep_if_best(value, gradient);
        value = INFINITY;
    }
    if (forced_) {
        forced_ = false;
        if (std::isfinite(value) && sizes.finite) return take(value, gradient, sizes);
        return search_failed();
    }
    const LineSearch::Verdict verdict = search_.tell(value, sizes.slope);
    // What the slope along the direction says no longer matters.
    if (gradient_decides() && sizes.finite && sizes.largest <= limits().gtol &&
        value <= run_.highest(run_.value))
        return take(value, gradient, sizes);
    switch (verdict) {
        case LineSearch::Verdict::kAccept:
            return take(value, gradient, sizes);
        case LineSearch::Verdict::kContinue:
            if (sizes.finite) keep_if_best(value, gradient);
            return try_step(search_.step());
        case LineSearch::Verdict::kImperfect:
            if (search_.best().step == step_) return take(value, gradient, sizes);
            forced_ = true;
            return try_step(search_.best().step);
        case LineSearch::Verdict::kUnbounded:  // of a step without a limit
            return;
        case LineSearch::Verdict::kNoDecrease:
            if (sizes.finite) keep_if_best(value, gradient);
            return search_failed();
    }
}

void Descent::take(double value, const char* gradient, const VectorWork::Sizes& sizes) {
    keep_this_if_better(value);
    const double length = step_ * std::sqrt(direction_squares_);
    ending_.watch_taken({value - run_.value, step_ * search_.start().slope, step_ * sizes.slope,
                         length, curvature_->empty()});
    if (ending_.ends_at(value, sizes.largest, search_.promise(), gradient_decides())) {
        g_->set(gradient);
        return move(value, sizes.largest, length);
    }
    const auto begin = std::chrono::steady_clock::now();
    work_.parallel = pace_.parallel();
    learn(gradient, sizes);
    move(value, sizes.largest, length);
    look_back();
    if (ending_.runs_away()) return;
    if (ending_.idle(search_.evaluations(), bounds_ ? kCreeps : 1.0)) {
        if (restarted_)
            conclude(promise_);
        else
            restart();
    }
    if (ending_.progressed()) restarted_ = false;
    if (!done()) aim();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    pace_.record(took.count());
}

// Of the step just taken, with slopes of such a size at both its ends.
bool Descent::teaches(double s_y, double y, double slopes) const {
    const double s = step_ * std::sqrt(direction_squares_);
    const double rounding = kGradientNoise * run_.epsilon() * slopes;
    return s_y > s * std::max(kCurvature[run_.precision()] * y, rounding) && std::isfinite(s_y);
}

void Descent::learn(const char* gradient, const VectorWork::Sizes& sizes) {
    const double slope = search_.start().slope, s_y = step_ * (sizes.slope - slope);
    const double s_b_s = -step_ * step_ * slope;  // as B d = -g
    double keep = 1.0, damp = 0.0;
    if (settings_.damping && s_y < kPowell * s_b_s) {
        keep = (1.0 - kPowell) * s_b_s / (s_b_s - s_y);  // y becomes keep y + (1 - keep) B s
        damp = (1.0 - keep) * step_;
    }
    double slopes = std::sqrt(gradient_squares_) + std::sqrt(sizes.squares);
    if (bounds_) {  // of which the pair knows nothing but the face
        slopes = std::sqrt(sizes.moved_before) + std::sqrt(sizes.moved);
        if (teaches(s_y, std::sqrt(sizes.change), slopes)) box_.reach = s_y / sizes.change;
    }
    const Curvature::Place& place = curvature_->place();
    const std::vector<double>& products =
        work_.pair({g_->data(), gradient, step_, keep, damp, place.s, place.y, place.rows.data(),
                    static_cast<int>(place.rows.size()), false, box(), trial_->data()});
    const bool good =
        teaches(products[2 * place.s_row], std::sqrt(products[2 * place.y_row]), slopes);
    first_step_ = good ? 1.0 : std::max(1.0, step_);
    curvature_->learn({products, good, keep, damp, s_b_s, sizes.squares, !bounds_});
    gradient_squares_ = sizes.squares;
}

void Descent::aim() {
    for (int attempt = 0; attempt < 2; ++attempt) {
        const Curvature::Terms& terms = curvature_->direction(free_gradient());
        direction_ = curvature_->place_of_direction();
        if (aim_along(terms)) return;
        // Bounds may have bent it uphill. Free variables that go no farther than to the first
        // bound, as in Byrd, Lu, Nocedal and Zhu 1995; and then the projected gradient.
        if (bounds_ && part_ > 1.0 && std::isfinite(part_)) {
            Curvature::Terms shorter = terms;
            shorter.on_gradient /= part_;
            for (double& by : shorter.on_rows) by /= part_;
            if (aim_along(shorter)) return;
        }
        if (bounds_ && aim_along({-box_.reach, {}, {}})) return;
        first_step_ = 1.0;
        forget();
    }
    ending_.finish(Status::kNotFinite, "no direction of descent: the gradient overflows");
}

// Whether that is a direction of descent.
bool Descent::aim_along(const Curvature::Terms& terms) {
    fresh_trial();
    const VectorWork::Direction found =
        work_.combine({g_->data(), terms.on_gradient, terms.rows.data(), terms.on_rows.data(),
                       static_cast<int>(terms.rows.size()), direction_, x_->data(), trial_->data(),
                       first_step_, false, box()});
    direction_squares_ = found.squares;
    part_ = found.part;
    const double right = kRight * std::sqrt(gradient_squares_) * std::sqrt(found.squares);
    if (!(-found.slope > right && std::isfinite(found.slope) && std::isfinite(found.squares)))
        return false;
    LineSearch::Settings settings = settings_.search;
    // All variables of the chord are inside up to there.
    if (bounds_) settings.max_step = std::max(1.0, 1.0 / part_);
    step_ = first_step_;
    if (step_ > settings.max_step) try_step(settings.max_step);
    search_ = LineSearch(settings, run_.value, found.slope, step_, run_.highest(run_.lowest),
                         run_.noise());
    return true;
}

void Descent::try_step(double step) {
    step_ = step;
    fresh_trial();
    work_.advance({x_->data(), direction_, step_, trial_->data(), box()});
}

// What the curvature has learned may be what fails: once without it, then that is the end. What its
// direction promised is what there was to gain; along the gradient that may be little anywhere.
void Descent::restart() {
    restarted_ = true;
    promise_ = curvature_->empty() ? INFINITY : search_.promise();
    ending_.wait_again();
    first_step_ = 1.0;
    forget();
}

void Descent::search_failed() {
    look_back();
    if (!curvature_->empty() && !restarted_) {
        restart();
        return aim();
    }
    if (search_.not_finite() == search_.evaluations())
        return ending_.finish(Status::kNotFinite,
                              "f is not finite anywhere along the direction searched");
    conclude(restarted_ ? promise_ : INFINITY);
}

// What the last search says about f and its gradient.
void Descent::look_back() {
    const LineSearch::Point& trial = search_.telling();
    const LineSearch::Point& start = search_.start();
    if (trial.step > 0.0)
        ending_.watch_untaken({trial.value - start.value, trial.step * start.slope,
                               trial.step * trial.slope,
                               trial.step * std::sqrt(direction_squares_)});
}

void Descent::visit(Archive& archive) {
    Solver::visit(archive);
    archive(search_, step_, gradient_squares_, direction_squares_, forced_, restarted_, promise_,
            first_step_);
    if (bounds_) archive(box_.reach);
    curvature_->visit(archive);
    direction_ = curvature_->place_of_direction();
}

}  // namespace schuss

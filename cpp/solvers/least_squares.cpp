#include "solvers/least_squares.hpp"

#include <algorithm>
#include <cmath>

#include "linalg/gram.hpp"

namespace schuss {
namespace {

// Ratios of actual to predicted decrease: from kTake a step is taken, below kPoor the region
// shrinks to kShrink of it, above kGood it grows by kGrow where the step reached its boundary.
constexpr double kTake = 1e-4, kPoor = 0.25, kGood = 0.75, kShrink = 0.25, kGrow = 2.0;
constexpr double kAtBoundary = 0.95;

// A pivot of the scaled J'J that is smaller is rounding: that column of J is a sum of others, or
// nothing beside what it was.
constexpr double kLeastPivot = 1e-15;

// Where rounding hides the cost, a point is nearer to the minimum whose gain is less than such a
// part of the last.
constexpr double kNearer = 0.5;

// A step of no more than such a part of each variable changes nothing.
constexpr double kStill[kDTypes] = {2.4e-7, 1e-14};

double squares_of(const std::vector<double>& values) {
    double sum = 0.0;
    for (const double value : values) sum += value * value;
    return sum;
}

}  // namespace

LeastSquares::LeastSquares(const Start& from, const Limits& limits, double loss_scale)
    : Solver(from, limits), loss_scale_(loss_scale), model_(n_, true), free_(n_), projected_(n_) {
    const auto n = static_cast<std::size_t>(n_);
    for (auto* vector : {&columns_, &scale_, &gradient_, &at_, &lower_, &upper_}) vector->resize(n);
    held_.resize(n);
    wait_for(Request::kResiduals);
}

std::optional<Fitted> LeastSquares::fitted() const {
    return Fitted{here_.residuals, jacobian_, scale_, offset_, here_.observations};
}

// Triggs and others, Bundle Adjustment, 2000, section 4.3; where the loss curves down so much that
// J'J would, its second derivative is left out up to rounding.
LeastSquares::Point LeastSquares::point_of(const Residuals& told) const {
    Point point;
    point.residuals.assign(told.values, told.values + told.count);
    point.observations = told.observations;
    if (!told.rho) {
        point.cost = squares_of(point.residuals) / 2.0;
        return point;
    }
    const double *rho = told.rho, *first = rho + told.count, *second = first + told.count;
    for (std::int64_t i = 0; i < told.count; ++i) {
        const double r = told.values[i], z = r / loss_scale_ * (r / loss_scale_);
        const double weight = std::sqrt(
            std::max(first[i] + 2.0 * second[i] * z, std::numeric_limits<double>::epsilon()));
        point.cost += rho[i];
        point.weights.push_back(weight);
        point.scaled.push_back(r * (first[i] / weight));
    }
    point.cost *= loss_scale_ * loss_scale_ / 2.0;
    return point;
}

void LeastSquares::receive_residuals(const Residuals& told) {
    there_ = point_of(told);
    if (run_.evaluations > 1) return judge();
    run_.value = run_.lowest = run_.first_value = there_.cost;
    if (std::isfinite(there_.cost)) return wait_for(Request::kJacobian);
    here_ = there_;
    const auto bad = std::find_if(here_.residuals.begin(), here_.residuals.end(),
                                  [](double r) { return !std::isfinite(r * r); });
    if (bad != here_.residuals.end())
        ending_.finish(Status::kNotFinite, "residual %lld is %g at the first point",
                       static_cast<long long>(bad - here_.residuals.begin()), *bad);
    else
        ending_.finish(Status::kNotFinite, "the cost is %g at the first point", there_.cost);
}

void LeastSquares::judge() {
    if (!std::isfinite(there_.cost)) return back_out();
    const double ratio = (run_.value - there_.cost) / predicted_;
    if (!(ratio >= kPoor))
        radius_ = kShrink * length_;
    else if (ratio > kGood && length_ > kAtBoundary * radius_)
        radius_ *= kGrow;
    // Where rounding hides what is left, only the gain at the new point tells whether it is nearer.
    const bool hides = definite_ && gain_ / 2.0 <= hidden();
    if ((ratio > kTake && there_.cost < run_.value) ||
        (hides && there_.cost <= run_.lowest + hidden()))
        return wait_for(Request::kJacobian);
    if (hides) return end_hidden();
    propose();
}

void LeastSquares::end_hidden() {
    ending_.converge(
        "the decrease of the cost still to be expected, %.3g, is less than rounding hides, %.3g",
        gain_ / 2.0, hidden());
}

void LeastSquares::back_out() {
    radius_ = kShrink * length_;
    propose();
}

void LeastSquares::receive_jacobian(const double* jacobian) {
    ++jacobians_;
    const bool first = jacobian_.empty();
    const double gain_before = gain_;
    if (!take(jacobian)) {
        if (!first) return back_out();
        here_ = there_;
        return ending_.finish(Status::kNotFinite, "the Jacobian is not finite at the first point");
    }
    if (first) {
        radius_ = std::sqrt(squares_of(at_));
        if (!(radius_ > 0.0)) radius_ = 1.0;
    }
    look_ahead();
    if (!ends(gain_before)) propose();
}

bool LeastSquares::take(const double* jacobian) {
    const auto n = static_cast<std::size_t>(n_), m = there_.residuals.size();
    std::vector<double>& rows = spare_;
    rows.assign(jacobian, jacobian + m * n);
    for (std::size_t i = 0; i < there_.weights.size(); ++i)
        for (std::size_t j = 0; j < n; ++j) rows[i * n + j] *= there_.weights[i];
    const TallMatrix a{rows.data(), static_cast<std::int64_t>(m), n_};
    std::vector<double> triangle(n * (n + 1) / 2), slopes(n);
    gram(a, there_.values().data(), triangle.data(), slopes.data());
    for (std::size_t j = 0; j < n; ++j)
        if (!std::isfinite(triangle[j * (j + 3) / 2]) || !std::isfinite(slopes[j])) return false;

    const bool moves = !jacobian_.empty();
    std::vector<double> x(n), before(n);
    copy_as_doubles(dtype(), trial_->data(), n_, x.data());
    copy_as_doubles(dtype(), x_->data(), n_, before.data());
    double from = 0.0, to = 0.0, length = 0.0, largest = 0.0;
    for (std::size_t j = 0; j < n; ++j) {
        const double s = x[j] - before[j];
        from += gradient_[j] * scale_[j] * s;
        to += slopes[j] * s;
        length += s * s;
        largest = std::max(largest, std::abs(slopes[j]));
    }
    length = std::sqrt(length);

    squares_ = 2.0 * there_.cost;
    scale(x, slopes, triangle);
    const double change = there_.cost - run_.value;
    std::swap(jacobian_, rows);
    std::swap(here_, there_);
    copy_from_doubles(slopes.data(), n_, dtype(), g_->data());
    if (moves) {
        ending_.watch_taken({change, from, to, length});
        move(here_.cost, largest, length);
    } else {
        run_.largest = largest;
        first_squares_ = squares_;
        run_.first_size = std::sqrt(work_.norms(x_->data()).squares);
        ending_.start();
    }
    return true;
}

// D, and what is in variables D x.
void LeastSquares::scale(const std::vector<double>& x, const std::vector<double>& slopes,
                         std::vector<double>& triangle) {
    const auto n = static_cast<std::size_t>(n_);
    size_ = cosine_ = 0.0;
    for (std::size_t i = 0, diagonal = 0; i < n; ++i, diagonal += i + 1) {
        const double column = std::sqrt(triangle[diagonal]);
        columns_[i] = std::max(columns_[i], column);
        scale_[i] = columns_[i] > 0.0 ? columns_[i] : 1.0;
        size_ += column * x[i] * (column * x[i]);
        at_[i] = scale_[i] * x[i];
        gradient_[i] = slopes[i] / scale_[i];
        const double lower = bounds_ ? bounds_->lower(i) : -INFINITY;
        const double upper = bounds_ ? bounds_->upper(i) : INFINITY;
        lower_[i] = scale_[i] * lower;
        upper_[i] = scale_[i] * upper;
        held_[i] = lower == upper || (x[i] == lower && slopes[i] >= 0.0) ||
                   (x[i] == upper && slopes[i] <= 0.0);
        if (column > 0.0 && !held_[i])
            cosine_ = std::max(cosine_, std::abs(slopes[i]) / column / std::sqrt(squares_));
    }
    size_ = std::sqrt(size_);
    for (std::size_t i = 0, k = 0; i < n; ++i)
        for (std::size_t j = 0; j <= i; ++j) triangle[k++] /= scale_[i] * scale_[j];
    model_.adopt(triangle);
}

void LeastSquares::look_ahead() {
    std::vector<double> slopes, newton;
    for (std::size_t i = 0; i < held_.size(); ++i)
        if (!held_[i]) slopes.push_back(gradient_[i]);
    free_ = static_cast<std::int64_t>(slopes.size());
    newton.resize(slopes.size());
    definite_ = free_ > 0 && projected_.face(model_, held_).definite(slopes, kLeastPivot, newton);
    gain_ = 0.0;
    for (std::size_t i = 0; definite_ && i < slopes.size(); ++i) gain_ -= slopes[i] * newton[i];
}

bool LeastSquares::ends(double gain_before) {
    const auto m = static_cast<double>(here_.observations), n = static_cast<double>(free_);
    const double tol = limits().gtol;
    const bool told = definite_ && m > n;  // the offset, by J
    offset_ = NAN;
    if (told) {
        const double rest = std::max(squares_ - gain_, 0.0);
        offset_ = gain_ > 0.0 ? std::sqrt(gain_ / n) / std::sqrt(rest / (m - n)) : 0.0;
    }
    const double zero = run_.epsilon() * std::min(std::sqrt(first_squares_), size_);
    if (told && offset_ <= tol)
        ending_.converge("the relative offset, %.3g, is at most tol = %.3g", offset_, tol);
    else if (!told && cosine_ <= tol)
        ending_.converge(
            "the largest cosine between residuals and a column of the Jacobian, %.3g, is at most "
            "tol = %.3g",
            cosine_, tol);
    else if (definite_ && gain_ / 2.0 <= hidden() && !(gain_ < kNearer * gain_before))
        end_hidden();
    else if (std::sqrt(squares_) <= zero)
        ending_.converge(
            "the norm of the residuals, %.3g, is at most what rounding makes of zero, %.3g",
            std::sqrt(squares_), zero);
    return done();
}

// A residual is as exact as what it is the difference of.
double LeastSquares::hidden() const {
    const double r = std::sqrt(squares_);
    return run_.epsilon() * r * (r + size_);
}

void LeastSquares::propose() {
    ending_.count();
    if (done()) return;
    const auto n = static_cast<std::size_t>(n_);
    std::vector<double> step(n), x(n);
    Quadratic::Step found;
    if (bounds_) {
        found = projected_.within({at_.data(), gradient_.data(), lower_.data(), upper_.data()},
                                  model_, radius_);
        step = projected_.step();
    } else {
        found = model_.within(gradient_, radius_, step);
    }
    predicted_ = found.predicted;
    length_ = std::sqrt(squares_of(step));
    copy_as_doubles(dtype(), x_->data(), n_, x.data());
    bool still = true;
    for (std::size_t j = 0; j < n; ++j) {
        const double by = step[j] / scale_[j];
        still = still && std::abs(by) <= kStill[dtype()] * std::abs(x[j]);
        x[j] = bounds_ ? inside(j, x[j] + by) : x[j] + by;
    }
    if (still && found.interior)
        return ending_.converge("no variable changes by more than %.3g of it; %.3g counts as none",
                                kStill[dtype()], kStill[dtype()]);
    if (still)
        return ending_.finish(Status::kNoDecrease,
                              "no step decreases the cost: the residuals are not smooth here, or "
                              "the Jacobian is wrong");
    fresh_trial();
    copy_from_doubles(x.data(), n_, dtype(), trial_->data());
    wait_for(Request::kResiduals);
}

// Where the projected step ends on a bound, exactly there.
double LeastSquares::inside(std::size_t j, double x) const {
    const double lower = bounds_->lower(j), upper = bounds_->upper(j), end = projected_.point()[j];
    return end == lower_[j] ? lower : end == upper_[j] ? upper : std::clamp(x, lower, upper);
}

void LeastSquares::visit(Archive& archive) {
    Solver::visit(archive);
    here_.visit(archive);
    there_.visit(archive);
    model_.visit(archive);
    archive(jacobians_, jacobian_, columns_, scale_, gradient_, free_, definite_, gain_, length_,
            predicted_, radius_, squares_, first_squares_, size_, cosine_, offset_, at_, lower_,
            upper_, held_);
    const auto n = static_cast<std::size_t>(n_);
    for (const auto* vector : {&columns_, &scale_, &gradient_, &at_, &lower_, &upper_})
        Archive::require(vector->size() == n);
    Archive::require(held_.size() == n);
}

}  // namespace schuss

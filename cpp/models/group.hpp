// Least squares in lanes: a trust region with Moré's scaling, a fit in each lane. Every decision is
// a lane's own, so a fit takes the same steps whatever is beside it.
#pragma once
#include "models/sums.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

using Mask = decltype(Reals{} < Reals{});

SCHUSS_INLINE bool any(Mask mask) {
    std::int64_t bits = 0;
    for (int lane = 0; lane < kLanes; ++lane) bits |= mask[lane];
    return bits != 0;
}
SCHUSS_INLINE Reals number(double x) { return broadcast<Reals>(x); }
SCHUSS_INLINE Mask finite(Reals x) { return x - x == 0.0; }
SCHUSS_INLINE Reals clamp(Reals x, Reals low, Reals high) { return minimum(maximum(x, low), high); }

constexpr double kEps = 0x1p-52;
constexpr double kAccept = 1e-4, kShrinkBelow = 0.25, kGrowAbove = 0.75, kShrink = 0.25;
constexpr double kAtBorder = 0.95, kRadiusError = 0.1;
constexpr double kLeastPivot = 1e-15;  // of its diagonal element: below, columns are dependent
constexpr double kLeastStep = 1e-14;   // of the parameter
constexpr double kLeastDecrease = 8 * kEps;  // of the cost, that can be told from rounding
constexpr double kLeastSquares = 0x1p-900;   // at the start, unless zero: below, digits are lost
constexpr double kNearMinimum = 1e-5;        // standard errors
constexpr double kSufficient = 0.01;         // of the decrease that the slope promises
constexpr int kMostShifts = 12, kMostCauchy = 60, kMostHalvings = 10;

class Group {
  public:
    static constexpr std::int64_t size(std::int64_t n) {
        return kScalars + 16 * n + 2 * sums_size(n) + 2 * triangle(n);
    }

    Group(const Fits& fits, char* space)
        : by(fits), n(fits.n), at_(reinterpret_cast<Reals*>(space)) {
        Reals* next = at_ + kScalars;
        Reals** const vectors[] = {&x_,       &trial_,  &step_,  &column_, &size_,
                                   &scale_,   &lower_,  &upper_, &image_,  &region_,
                                   &inverse_, &inside_, &other_, &kept_,   &b_};
        for (Reals** vector : vectors) {
            *vector = next;
            next += n;
        }
        free_ = reinterpret_cast<Mask*>(next);
        now_ = sums_at(next + n, n);
        new_ = sums_at(now_.squares + sums_size(n), n);
        h_ = new_.squares + sums_size(n);
        l_ = h_ + triangle(n);
    }

    const Reals* point() const { return trial_; }
    // Of the trial points, to be filled before `advance`.
    const Sums& sums() const {
        for (std::int64_t k = 0; k < sums_size(n); ++k) new_.squares[k] = Reals{};
        return new_;
    }
    int ending(int lane) const { return static_cast<int>(at_[kEnding][lane]); }
    void idle(int lane) const {
        at_[kEnding][lane] = kFitNotFinite;
        for (std::int64_t j = 0; j < n; ++j) trial_[j][lane] = 0.0;
    }

    // Fit `row`, which has so many points, in a lane. Its first trial point is the start, clamped.
    void start(int lane, std::int64_t row, std::int64_t points) const {
        const auto of = [&](const Rows& rows, std::int64_t j) {
            return rows.data[row * rows.next + j];
        };
        for (std::int64_t j = 0; j < n; ++j) {
            const double low = of(by.lower, j), high = of(by.upper, j);
            double x0 = of(by.starts, j);
            x0 = x0 < low ? low : x0;
            x0 = x0 > high ? high : x0;
            lower_[j][lane] = low;
            upper_[j][lane] = high;
            x_[j][lane] = trial_[j][lane] = x0;
            size_[j][lane] = 0.0;
            now_.g[j][lane] = __builtin_nan("");
        }
        (*now_.squares)[lane] = __builtin_inf();
        at_[kEnding][lane] = kFitRuns;
        at_[kPoints][lane] = static_cast<double>(points);
        for (int k = kEvaluations; k < kScalars; ++k) at_[k][lane] = 0.0;
    }

    // Where the fit of a lane stands.
    void report(int lane, std::int64_t row) const {
        const int how = ending(lane);
        by.ending[row] = static_cast<std::uint8_t>(how);
        const Reals* x = how == kFitRuns ? trial_ : x_;
        for (std::int64_t j = 0; j < n; ++j) by.x[row * n + j] = x[j][lane];
        if (how == kFitRuns) return;
        by.cost[row] = 0.5 * (*now_.squares)[lane];
        by.offset[row] = at_[kOffset][lane];
        by.nit[row] = static_cast<std::int64_t>(at_[kIterations][lane]);
        by.nfev[row] = static_cast<std::int64_t>(at_[kEvaluations][lane]);
        for (std::int64_t j = 0; j < n; ++j) by.gradient[row * n + j] = now_.g[j][lane];
    }

    // Takes the sums at the trial points, and finds the next ones.
    void advance() const {
        judge();
        if (!any(running())) return;
        set_free();
        Reals reached;
        const Mask singular = newton_step(now_.g, reached);
        end_by_tests(singular, reached);
        shorten(now_.g, at_[kRadius], singular, running());
        if (const Mask left = running() & leaves(); any(left)) keep_inside(left);
        end_by_step();
        propose();
    }

  private:
    enum Scalar {
        kEnding,
        kPoints,
        kEvaluations,
        kIterations,
        kRejected,  // trials since the last step
        kRadius,
        kLength,     // of the step, scaled
        kPredicted,  // decrease of |r|^2/2
        kOffset,
        kCauchy,  // the last factor of the gradient
        kFirst,   // squares at the start
        kScalars
    };

    Mask running() const { return at_[kEnding] == double(kFitRuns); }
    void end(Mask where, FitEnding how) const {
        at_[kEnding] = select(where & running(), number(how), at_[kEnding]);
    }

    void judge() const {
        const Reals one = number(1.0), zero{};
        Mask whole = finite(*new_.squares);
        Mask some = *new_.squares > 0.0;
        for (std::int64_t j = 0; j < n; ++j) {
            whole = whole & finite(new_.g[j]) & finite(new_.h[triangle(j) + j]);
            some = some | (abs(new_.g[j]) > 0.0);
        }
        const Mask first = at_[kEvaluations] == 0.0;
        whole = whole & ~(first & some & (*new_.squares < kLeastSquares));
        at_[kEvaluations] = at_[kEvaluations] + select(running(), one, zero);
        end(first & ~whole, kFitNotFinite);
        const Reals decrease = 0.5 * (*now_.squares - *new_.squares), predicted = at_[kPredicted];
        const Mask sound = whole & (predicted > 0.0);
        const Reals ratio = select(sound, decrease / select(sound, predicted, one), -one);
        // The start is taken as it is.
        const Mask accepted = first | (running() & sound & (ratio > kAccept) & (decrease > 0.0));
        const Reals length = at_[kLength], radius = at_[kRadius];
        const Reals grown =
            select((ratio > kGrowAbove) & (length > kAtBorder * radius), 2.0 * radius, radius);
        at_[kRadius] = select(ratio < kShrinkBelow, kShrink * length, grown);
        at_[kIterations] = at_[kIterations] + select(accepted & ~first, one, zero);
        at_[kRejected] = select(accepted, zero, at_[kRejected] + 1.0);
        at_[kFirst] = select(first, *new_.squares, at_[kFirst]);
        for (std::int64_t k = 0; k < sums_size(n); ++k)
            now_.squares[k] = select(accepted, new_.squares[k], now_.squares[k]);
        Reals reach{};
        for (std::int64_t j = 0; j < n; ++j) {
            x_[j] = select(accepted, trial_[j], x_[j]);
            column_[j] = sqrt(now_.h[triangle(j) + j]);
            size_[j] = select(accepted, maximum(size_[j], column_[j]), size_[j]);
            scale_[j] = select(size_[j] > 0.0, size_[j], one);
            reach = reach + (scale_[j] * x_[j]) * (scale_[j] * x_[j]);
        }
        reach = sqrt(reach);
        at_[kRadius] = select(first, select(reach > 0.0, reach, one), at_[kRadius]);
    }

    // Variables that are not held at a bound, and the Hessian as that of the others alone: rows
    // and columns of those that are held are the identity's.
    void set_free() const {
        for (std::int64_t j = 0; j < n; ++j)
            free_[j] = (lower_[j] < upper_[j]) & ~((x_[j] <= lower_[j]) & (now_.g[j] > 0.0)) &
                       ~((x_[j] >= upper_[j]) & (now_.g[j] < 0.0));
        mask_hessian();
    }
    void mask_hessian() const {
        const Reals zero{}, one = number(1.0);
        for (std::int64_t j = 0; j < n; ++j) {
            for (std::int64_t k = 0; k < j; ++k)
                h_[triangle(j) + k] = select(free_[j] & free_[k], now_.h[triangle(j) + k], zero);
            h_[triangle(j) + j] = select(free_[j], now_.h[triangle(j) + j], one);
        }
    }

    // L L' = H + shift D^2; where columns are dependent to rounding.
    Mask factor(Reals shift) const {
        Mask singular{};
        for (std::int64_t j = 0; j < n; ++j) {
            Reals* row = l_ + triangle(j);
            for (std::int64_t k = 0; k <= j; ++k) {
                const Reals* other = l_ + triangle(k);
                Reals a = h_[triangle(j) + k];
                if (k == j) a = a + shift * (scale_[j] * scale_[j]);
                const Reals whole = a;
                for (std::int64_t i = 0; i < k; ++i) a = a - row[i] * other[i];
                if (k < j) {
                    row[k] = a * inverse_[k];
                } else {
                    const Mask small = ~(a > kLeastPivot * whole);
                    singular = singular | small;
                    inverse_[j] = 1.0 / sqrt(select(small, number(1.0), a));
                }
            }
        }
        return singular;
    }
    void forward(Reals* y) const {
        for (std::int64_t j = 0; j < n; ++j) {
            Reals a = y[j];
            for (std::int64_t i = 0; i < j; ++i) a = a - l_[triangle(j) + i] * y[i];
            y[j] = a * inverse_[j];
        }
    }
    void backward(Reals* y) const {
        for (std::int64_t j = n; j-- > 0;) {
            Reals a = y[j];
            for (std::int64_t i = j + 1; i < n; ++i) a = a - l_[triangle(i) + j] * y[i];
            y[j] = a * inverse_[j];
        }
    }
    // region = -(H + shift D^2)^-1 b. Returns b' (H + shift D^2)^-1 b.
    Reals solve(const Reals* b) const {
        const Reals zero{};
        for (std::int64_t j = 0; j < n; ++j) region_[j] = select(free_[j], -b[j], zero);
        forward(region_);
        const Reals reached = dot(region_, region_);
        backward(region_);
        return reached;
    }
    Reals dot(const Reals* a, const Reals* b) const {
        Reals sum{};
        for (std::int64_t j = 0; j < n; ++j) sum = sum + a[j] * b[j];
        return sum;
    }
    Reals scaled_length(const Reals* p) const {
        Reals sum{};
        for (std::int64_t j = 0; j < n; ++j) sum = sum + (scale_[j] * p[j]) * (scale_[j] * p[j]);
        return sqrt(sum);
    }

    // step = -H^-1 b over the free variables, where they are not dependent. reached = b'H^-1 b.
    Mask newton_step(const Reals* b, Reals& reached) const {
        const Mask singular = factor(Reals{});
        reached = solve(b);
        for (std::int64_t j = 0; j < n; ++j) step_[j] = region_[j];
        return singular;
    }
    // That step becomes the minimum of b'z + z'Hz/2 within |D z| <= radius, where it is wanted: by
    // Newton's iteration for the shift (Moré 1978).
    void shorten(const Reals* b, Reals radius, Mask singular, Mask wanted) const {
        const Reals zero{};
        Reals length = scaled_length(region_);
        Mask open = wanted & (singular | ~(length <= radius));
        if (!any(open)) return;
        Reals slope{};
        for (std::int64_t j = 0; j < n; ++j) {
            const Reals part = select(free_[j], b[j] / scale_[j], zero);
            slope = slope + part * part;
        }
        Reals low{}, high = sqrt(slope) / radius;
        Reals shift = newton(zero, length, radius, low);
        low = select(singular, zero, low);
        shift = select(singular, zero, shift);
        for (int k = 0; k < kMostShifts && any(open); ++k) {
            shift = select((shift > low) & (shift < high), shift,
                           maximum(1e-3 * high, sqrt(low * high)));
            factor(shift);
            solve(b);
            length = scaled_length(region_);
            for (std::int64_t j = 0; j < n; ++j) step_[j] = select(open, region_[j], step_[j]);
            open = open & ~(abs(length - radius) <= kRadiusError * radius);
            high = select(length < radius, minimum(high, shift), high);
            shift = newton(shift, length, radius, low);
        }
    }
    // The next shift, from `shift`, whose step, of that length, is in region and is taken apart;
    // low becomes what the shift is not below.
    Reals newton(Reals shift, Reals length, Reals radius, Reals& low) const {
        for (std::int64_t j = 0; j < n; ++j) region_[j] = region_[j] * (scale_[j] * scale_[j]);
        forward(region_);
        const Reals plain = (length - radius) * length / dot(region_, region_);
        low = maximum(low, shift + plain);
        return shift + plain * (length / radius);
    }

    // At a point that was taken. reached = g'H^-1 g over the free variables.
    void end_by_tests(Mask singular, Reals reached) const {
        const Reals squares = *now_.squares, norm = sqrt(squares), zero{}, one = number(1.0);
        Reals free{};
        Mask steep{};
        for (std::int64_t j = 0; j < n; ++j) {
            free = free + select(free_[j], one, zero);
            steep = steep | (free_[j] & ~(abs(now_.g[j]) <= by.tol * column_[j] * norm));
        }
        const Mask enough = (at_[kPoints] > free) & ~singular;
        const Reals rest = (at_[kPoints] - free) / maximum(free, one);
        const Reals offset = reached * rest / maximum(squares - reached, zero);
        at_[kOffset] = select(running(), select(enough, sqrt(offset), number(__builtin_nan(""))),
                              at_[kOffset]);
        end(squares <= 2.0 * kEps * kEps * at_[kFirst], kFitExact);
        end(enough & (reached * rest <= by.tol * by.tol * maximum(squares - reached, zero)),
            kFitOffset);
        end(enough & (reached <= kLeastDecrease * squares), kFitRounding);
        end(~enough & ~steep, kFitGradient);
    }
    // Where the step is rounding, or there are to be no more. That of a wrong Jacobian is, too, in
    // the end, but far from where it would lead.
    void end_by_step() const {
        Mask far{};
        for (std::int64_t j = 0; j < n; ++j)
            far = far | ~(abs(step_[j]) <= kLeastStep * abs(x_[j]));
        at_[kLength] = scaled_length(step_);
        const Mask near = ~far | (at_[kLength] <= kEps * scaled_length(x_));
        end(near & ((at_[kRejected] == 0.0) | (at_[kOffset] <= kNearMinimum) |
                    (*now_.squares <= kEps * at_[kFirst])),
            kFitStep);
        end(near, kFitNoDecrease);
        end(at_[kEvaluations] >= by.maxfun, kFitMaxfun);
    }

    Mask leaves() const {
        Mask outside{};
        for (std::int64_t j = 0; j < n; ++j)
            outside = outside | (step_[j] < lower_[j] - x_[j]) | (step_[j] > upper_[j] - x_[j]);
        return outside;
    }
    Reals projected(std::int64_t j, Reals step) const {
        return clamp(step, lower_[j] - x_[j], upper_[j] - x_[j]);
    }
    // image = H p, of the whole Hessian. Returns g'p + p'Hp/2.
    Reals model(const Reals* p) const {
        for (std::int64_t j = 0; j < n; ++j) {
            Reals sum{};
            for (std::int64_t k = 0; k < n; ++k)
                sum = sum + now_.h[k <= j ? triangle(j) + k : triangle(k) + j] * p[k];
            image_[j] = sum;
        }
        return dot(now_.g, p) + 0.5 * dot(p, image_);
    }

    // Where the step leaves the bounds: a projected Cauchy step, then the region on the variables
    // that it leaves free, as often as one of them meets its bound (Lin and Moré 1999).
    void keep_inside(Mask mine) const {
        for (std::int64_t j = 0; j < n; ++j) kept_[j] = step_[j];
        cauchy(mine);
        Reals* s = inside_;
        const Reals zero{};
        Mask open = mine;
        for (std::int64_t round = 0; round < n && any(open); ++round) {
            for (std::int64_t j = 0; j < n; ++j) {
                free_[j] = (s[j] > lower_[j] - x_[j]) & (s[j] < upper_[j] - x_[j]);
                other_[j] = select(free_[j], zero, s[j]);
            }
            mask_hessian();
            model(other_);  // of what is held
            for (std::int64_t j = 0; j < n; ++j) b_[j] = now_.g[j] + image_[j];
            const Reals held = scaled_length(other_), radius = at_[kRadius];
            Reals reached;
            const Mask singular = newton_step(b_, reached);
            shorten(b_, sqrt(maximum(radius * radius - held * held, zero)), singular, open);
            const Reals before = model(s);
            for (std::int64_t j = 0; j < n; ++j) {
                b_[j] = now_.g[j] + image_[j];
                step_[j] = select(free_[j], step_[j] - s[j], zero);
            }
            Mask searching = open;
            Reals part = number(1.0);
            for (int k = 0; k < kMostHalvings && any(searching); ++k, part = part * 0.5) {
                Reals slope{};
                for (std::int64_t j = 0; j < n; ++j) {
                    other_[j] = projected(j, s[j] + part * step_[j]);
                    slope = slope + b_[j] * (other_[j] - s[j]);
                }
                const Mask good = searching & (model(other_) <= before + kSufficient * slope);
                for (std::int64_t j = 0; j < n; ++j) s[j] = select(good, other_[j], s[j]);
                searching = searching & ~good;
            }
            Mask met{};
            for (std::int64_t j = 0; j < n; ++j)
                met = met | (free_[j] & ~((s[j] > lower_[j] - x_[j]) & (s[j] < upper_[j] - x_[j])));
            open = open & met & ~searching;
        }
        for (std::int64_t j = 0; j < n; ++j) step_[j] = select(mine, s[j], kept_[j]);
    }

    // The projected gradient's step, of the last length times or over ten as often as it decreases
    // the model enough within the radius.
    void cauchy(Mask open) const {
        const Reals ten = number(10.0), tenth = number(0.1);
        Reals slope{};
        for (std::int64_t j = 0; j < n; ++j)
            slope = slope + (now_.g[j] / scale_[j]) * (now_.g[j] / scale_[j]);
        Reals& factor = at_[kCauchy];
        factor = select(open & (factor == 0.0), at_[kRadius] / sqrt(slope), factor);
        const auto step = [&](Reals by_factor, Reals* s) {
            for (std::int64_t j = 0; j < n; ++j)
                s[j] = projected(j, -by_factor * (now_.g[j] / (scale_[j] * scale_[j])));
            return (model(s) <= kSufficient * dot(now_.g, s)) & (scaled_length(s) <= at_[kRadius]);
        };
        const Mask grows = step(factor, inside_);
        for (int k = 0; k < kMostCauchy && any(open); ++k) {
            const Reals next = factor * select(grows, ten, tenth);
            const Mask good = step(next, other_);
            Mask changed{};
            for (std::int64_t j = 0; j < n; ++j)
                changed = changed | (other_[j] < inside_[j]) | (other_[j] > inside_[j]);
            const Mask taken = open & (~grows | (good & changed));
            factor = select(taken, next, factor);
            for (std::int64_t j = 0; j < n; ++j) inside_[j] = select(taken, other_[j], inside_[j]);
            open = taken & (grows | ~good);
        }
    }

    // The next trial points. A step that ends at a bound ends at it exactly.
    void propose() const {
        at_[kPredicted] = -model(step_);
        for (std::int64_t j = 0; j < n; ++j) {
            const Reals to = clamp(x_[j] + step_[j], lower_[j], upper_[j]);
            trial_[j] = select(step_[j] <= lower_[j] - x_[j], lower_[j],
                               select(step_[j] >= upper_[j] - x_[j], upper_[j], to));
        }
    }

    const Fits& by;
    const std::int64_t n;
    Reals* at_;
    Reals *x_, *trial_, *step_;  // the best point, the next one, the way to it
    Reals* column_;              // the norm of each column of J
    Reals *size_, *scale_;       // the largest so far; 1 where that is 0
    Reals *lower_, *upper_;
    Reals *image_, *region_, *inverse_, *inside_, *other_, *kept_, *b_;
    Mask* free_;
    Sums now_, new_;
    Reals *h_, *l_;  // the Hessian of the free variables, and its factor
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

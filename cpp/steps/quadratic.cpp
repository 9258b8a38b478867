#include "steps/quadratic.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <limits>
#include <stdexcept>
#include <utility>

#include "linalg/elimination.hpp"
#include "runtime/share.hpp"

namespace schuss {
namespace {

constexpr double kEasy = 0.1, kHard = 0.2;  // Conn, Gould and Toint, 7.3.4: how exact is enough
constexpr int kMostFactorizations = 40;     // two or three are usual; then the best so far serves

// Negative eigenvalues down to this part of the largest element are rounding.
const double kRounding = std::sqrt(std::numeric_limits<double>::epsilon());

// The bits of |a|, which are in the order of the numbers, and those of infinity and NaN above them.
std::uint64_t magnitude(double a) { return std::bit_cast<std::uint64_t>(a) & ~(1ull << 63); }

// Elements of a lower triangle of n rows.
std::size_t triangle(std::int64_t n) { return static_cast<std::size_t>(n * (n + 1) / 2); }

double largest_of(const std::vector<double>& h) {
    double largest = 0.0;
    for (const double value : h) largest = std::max(largest, std::abs(value));
    return largest;
}

// How much of its largest element a Hessian may differ from its transpose: frameworks compute
// theirs in float32 whatever x is.
constexpr double kSkew = 1e-5;

// Of rows and columns: a square of a matrix and that of its transpose fit into the first cache.
constexpr std::int64_t kCacheTile = 32;

// An element, with its mirror image, takes about as long as four products.
int threads_for_triangle(std::int64_t n) {
    const auto order = static_cast<double>(n);
    return threads_for(n / kCacheTile, {.products = 4.0 * order * order});
}

// Calls f(thread, i, first, last) for stretches of columns j <= i of all rows i, a tile at a time.
template <class F>
void for_lower_triangle(int threads, std::int64_t n, const F& f) {
    const std::int64_t tiles = (n + kCacheTile - 1) / kCacheTile;
    share_largest_first(threads, 0, tiles, [&](int thread, std::int64_t row) {
        for (std::int64_t column = 0; column <= row; ++column)
            for (std::int64_t i = row * kCacheTile; i < std::min(n, (row + 1) * kCacheTile); ++i)
                f(thread, static_cast<std::size_t>(i),
                  static_cast<std::size_t>(column * kCacheTile),
                  static_cast<std::size_t>(std::min(i + 1, (column + 1) * kCacheTile)));
    });
}

}  // namespace

// From signs that no symmetry of a problem is likely to share: 1 + (37 i mod 11) / 16.
const Smallest kSmallest{
    kRounding, 4, {1.0, 1.25, 1.5, 1.0625, 1.3125, 1.5625, 1.125, 1.375, 1.625, 1.1875, 1.4375}};

Quadratic::Quadratic(std::int64_t n, bool semidefinite)
    : n_(n), cholesky_(n, kFloat64), semidefinite_(semidefinite) {
    h_.reserve(triangle(n));  // in a batch the threads must not run out of memory
}

Quadratic::Work::Work(Quadratic& model)
    : space_(model.cholesky_.bytes() + 2 * model.cholesky_.padded() * size_of(kFloat64)) {
    model.cholesky_.use(space_.get());
    model.z_ = reinterpret_cast<double*>(space_.get() + model.cholesky_.bytes());
    model.w_ = model.z_ + model.cholesky_.padded();
}

void Quadratic::adopt(const Hessian& told, double epsilon) {
    const auto n = static_cast<std::size_t>(n_);
    const double* h = told.elements;
    const double most_skew = std::max(kSkew, std::sqrt(epsilon));
    known_ = nullptr;
    if (const LaneModel* known = told.known;
        known && std::isfinite(known->sum) && known->skew <= most_skew * known->size) {
        h_.assign(known->mean, known->mean + triangle(n_));
        return renew(known);
    }
    struct Extremes {
        std::uint64_t largest = 0, skew = 0;
    };
    const int threads = threads_for_triangle(n_);
    std::vector<Extremes> of_threads(static_cast<std::size_t>(threads));
    for_lower_triangle(
        threads, n_, [&](int thread, std::size_t i, std::size_t first, std::size_t last) {
            Extremes own = of_threads[static_cast<std::size_t>(thread)];
            for (std::size_t j = first; j < last; ++j) {
                const double a = h[i * n + j], b = h[j * n + i];
                own.largest = std::max(own.largest, std::max(magnitude(a), magnitude(b)));
                own.skew = std::max(own.skew, magnitude(a - b));
            }
            of_threads[static_cast<std::size_t>(thread)] = own;
        });
    Extremes all;
    for (const Extremes& own : of_threads) {
        all.largest = std::max(all.largest, own.largest);
        all.skew = std::max(all.skew, own.skew);
    }
    const double largest = std::bit_cast<double>(all.largest);
    const double skew = std::bit_cast<double>(all.skew);
    if (!std::isfinite(largest)) throw std::invalid_argument("has elements that are not finite");
    if (skew > most_skew * largest) {
        char text[96];
        std::snprintf(text, sizeof text,
                      "is not symmetric: elements differ from their mirror images by up to %.3g",
                      skew);
        throw std::invalid_argument(text);
    }
    h_.resize(triangle(n_));
    for_lower_triangle(threads, n_, [&](int, std::size_t i, std::size_t first, std::size_t last) {
        double* row = h_.data() + i * (i + 1) / 2;
        for (std::size_t j = first; j < last; ++j) row[j] = h[i * n + j] / 2.0 + h[j * n + i] / 2.0;
    });
    renew();
}

void Quadratic::adopt(const std::vector<double>& triangle) {
    h_ = triangle;
    renew();
}

void Quadratic::adopt(Quadratic& whole, const std::vector<char>& held) {
    whole.known_ = nullptr;
    h_.clear();
    n_ = 0;
    const double* row = whole.h_.data();
    for (std::size_t i = 0; i < held.size(); row += ++i) {
        if (held[i]) continue;
        for (std::size_t j = 0; j <= i; ++j)
            if (!held[j]) h_.push_back(row[j]);
        ++n_;
    }
    cholesky_ = Cholesky(n_, kFloat64);
    semidefinite_ = whole.semidefinite_;
    renew();
}

void Quadratic::multiply(const double* v, double* to) const {
    const double* h = h_.data();
    for (std::int64_t i = 0; i < n_; ++i) {
        double sum = 0.0;
        for (std::int64_t j = 0; j < i; ++j, ++h) {
            sum += *h * v[j];
            to[j] += *h * v[i];
        }
        to[i] = sum + *h++ * v[i];
    }
}

Elements Quadratic::matrix() const {
    if (h_.empty()) return {};
    return [this](std::int64_t i, std::int64_t j) {
        return h_[triangle(std::max(i, j)) + static_cast<std::size_t>(std::min(i, j))];
    };
}

const LaneModel* Quadratic::known_step(std::vector<double>& p) {
    const LaneModel* known = std::exchange(known_, nullptr);
    if (!known || known->failed >= 0) return nullptr;
    std::copy_n(known->step, n_, p.begin());
    shift_ = 0.0;
    return known;
}

std::int64_t Quadratic::factor(double shift) {
    constexpr std::int64_t size = sizeof(double);
    return cholesky_.factor({reinterpret_cast<char*>(h_.data()), size, size, size}, shift);
}

double Quadratic::dot(const double* a, const double* b) const {
    double sum = 0.0;
    for (std::int64_t i = 0; i < n_; ++i) sum += a[i] * b[i];
    return sum;
}

double Quadratic::multiply(const double* v) const {
    double sum = 0.0;
    const double* h = h_.data();
    for (std::int64_t i = 0; i < n_; ++i) {
        double row = 0.0;
        for (std::int64_t j = 0; j < i; ++j) row += *h++ * v[j];
        sum += v[i] * (2.0 * row + *h++ * v[i]);
    }
    return sum;
}

// p = -(factored matrix)^-1 g
void Quadratic::solve_factored(const std::vector<double>& g, std::vector<double>& p) {
    std::transform(g.begin(), g.begin() + n_, w_, std::negate<>());
    std::fill(w_ + n_, w_ + cholesky_.padded(), 0.0);
    char* y = reinterpret_cast<char*>(w_);
    cholesky_.forward(y, n_);
    cholesky_.backward(y, n_);
    std::copy_n(w_, n_, p.begin());
}

double Quadratic::reach_of(const std::vector<double>& p) {
    std::copy_n(p.begin(), n_, w_);
    std::fill(w_ + n_, w_ + cholesky_.padded(), 0.0);
    cholesky_.forward(reinterpret_cast<char*>(w_), n_);
    return dot(w_, w_);
}

// Conn, Gould and Toint, section 7.3.8: delta / |v|^2 with (H + lambda I + delta e e') v = 0.
double Quadratic::missing_shift(std::int64_t failed) {
    std::fill_n(z_, cholesky_.padded(), 0.0);
    for (std::int64_t k = 0; k < failed; ++k) z_[k] = -cholesky_.element(failed, k);
    if (failed > 0) cholesky_.backward(reinterpret_cast<char*>(z_), failed);
    z_[failed] = 1.0;
    const double squares = dot(z_, z_);
    if (std::isfinite(squares)) note_curvature(multiply(z_) / squares);
    return -cholesky_.element(failed, failed) / squares;
}

void Quadratic::smallest_direction() {
    std::fill_n(z_, cholesky_.padded(), 0.0);
    for (std::int64_t i = 0; i < n_; ++i) z_[i] = kSmallest.start[i % 11];
    char* y = reinterpret_cast<char*>(z_);
    for (int k = 0; k < kSmallest.iterations; ++k) {
        cholesky_.forward(y, n_);
        cholesky_.backward(y, n_);
        const double length = std::sqrt(dot(z_, z_));
        for (std::int64_t i = 0; i < n_; ++i) z_[i] /= length;
    }
    note_curvature(multiply(z_));
}

void Quadratic::note_curvature(double curvature) {
    if (std::isfinite(curvature)) curvature_ = std::min(curvature_, curvature);
}

bool Quadratic::convex() {
    const LaneModel* known = std::exchange(known_, nullptr);
    if (known && std::isfinite(known->curvature)) {
        note_curvature(known->curvature);
        return true;
    }
    const Work work(*this);
    const double largest = largest_of(h_);
    if (largest == 0.0) {
        note_curvature(0.0);
        return true;
    }
    const double shift = kSmallest.rounding * largest;
    if (const std::int64_t failed = factor(shift); failed >= 0) {
        missing_shift(failed);
        return false;
    }
    smallest_direction();
    return true;
}

bool Quadratic::definite() {
    known_ = nullptr;
    const Work work(*this);
    const double largest = largest_of(h_);
    return largest > 0.0 && factor(-kSmallest.rounding * largest) < 0;
}

// Gershgorin's circles and the diagonal bound lambda, where |g| / radius is the pull.
void Quadratic::bound_shift(double pull, double& low, double& high) const {
    double* others = w_;  // the sums beside the diagonal
    std::fill_n(others, n_, 0.0);
    double squares = 0.0;
    const double* h = h_.data();
    for (std::int64_t i = 0; i < n_; ++i, ++h)
        for (std::int64_t j = 0; j < i; ++j, ++h) {
            squares += *h * *h;
            others[i] += std::abs(*h);
            others[j] += std::abs(*h);
        }
    squares *= 2.0;
    double lowest = INFINITY, highest = -INFINITY, least = INFINITY, widest = 0.0;
    for (std::int64_t i = 0; i < n_; ++i) {
        const double diagonal = h_[triangle(i) + static_cast<std::size_t>(i)];
        squares += diagonal * diagonal;
        least = std::min(least, diagonal);
        lowest = std::min(lowest, diagonal - others[i]);
        highest = std::max(highest, diagonal + others[i]);
        widest = std::max(widest, std::abs(diagonal) + others[i]);
    }
    const double norm = std::min(std::sqrt(squares), widest);
    low = std::max({0.0, -least, pull - std::min(highest, norm)});
    high = std::max(pull + std::min(-lowest, norm),
                    std::max(low, norm) * std::numeric_limits<double>::epsilon());
}

Quadratic::Step Quadratic::within(const std::vector<double>& g, double radius,
                                  std::vector<double>& p) {
    const LaneModel* known = known_step(p);
    if (known && std::sqrt(dot(p, p)) <= radius) return {-dot(g, p) / 2.0, true};
    if (known && !std::isfinite(known->reach)) known = nullptr;
    const Work work(*this);
    const auto n = static_cast<std::size_t>(n_);
    const double g_length = std::sqrt(dot(g, g));
    double low = 0.0, high = 0.0;
    const auto between = [&] { return std::max(std::sqrt(low * high), low + 0.01 * (high - low)); };

    double lambda = 0.0;
    bool found = false;  // p belongs to a lambda
    for (int tries = 0; tries < kMostFactorizations; ++tries) {
        const std::int64_t failed = known ? -1 : factor(lambda);
        if (failed < 0 && !known) {
            shift_ = lambda;
            solve_factored(g, p);
        }
        const double length = failed < 0 ? std::sqrt(dot(p, p)) : 0.0;
        if (failed < 0 && lambda == 0.0 && length <= radius) return {-dot(g, p) / 2.0, true};
        if (tries == 0) bound_shift(g_length / radius, low, high);
        if (failed >= 0) {
            low = std::max({low, lambda, lambda + missing_shift(failed)});
            high = std::max(high, low * (1.0 + kRounding));
            lambda = between();
            continue;
        }
        found = true;
        if (std::abs(length - radius) <= kEasy * radius) break;
        const double reach = known ? known->reach : reach_of(p);
        known = nullptr;
        const double next = lambda + length * length / reach * (length - radius) / radius;
        if (length > radius) {
            low = std::max(low, lambda);
        } else if (semidefinite_) {
            high = std::min(high, lambda);
            if (lambda <= std::numeric_limits<double>::epsilon() * largest_of(h_)) break;
        } else {
            // Perhaps the hard case: along z the model hardly rises from p to the boundary.
            high = std::min(high, lambda);
            smallest_direction();
            const double along = dot(p.data(), z_), room = radius * radius - length * length;
            const double root = std::sqrt(along * along + room);
            const double t = along > 0.0 ? room / (along + root) : room / (along - root);
            const double rise = multiply(z_) + lambda;
            const double size = -dot(g, p) + lambda * radius * radius;
            if (t * t * rise <= kHard * size) {
                for (std::size_t i = 0; i < n; ++i) p[i] += t * z_[i];
                break;
            }
            low = std::max(low, lambda - rise);
        }
        lambda = next > low && next < high ? next : between();
    }
    if (!found)
        for (std::size_t i = 0; i < n; ++i) p[i] = g[i] == 0.0 ? 0.0 : -g[i] * (radius / g_length);
    if (const double length = std::sqrt(dot(p, p)); length > radius)
        for (std::size_t i = 0; i < n; ++i) p[i] *= radius / length;
    return {-(dot(g, p) + multiply(p.data()) / 2.0), false};
}

bool Quadratic::descend(const std::vector<double>& g, std::vector<double>& p) {
    if (known_step(p)) return std::isfinite(dot(p, p));
    const Work work(*this);
    const double largest = largest_of(h_), first = kRounding * (largest > 0.0 ? largest : 1.0);
    shift_ = 0.0;
    for (int tries = 0; tries < kMostFactorizations; ++tries) {
        if (const std::int64_t failed = factor(shift_); failed >= 0) {
            shift_ = std::max({first, 2.0 * shift_, 2.0 * (shift_ + missing_shift(failed))});
            continue;
        }
        solve_factored(g, p);
        return std::isfinite(dot(p, p));
    }
    return false;
}

bool Quadratic::newton(const std::vector<double>& g, std::vector<double>& p) {
    if (known_step(p)) return std::isfinite(dot(p, p));
    const Work work(*this);
    shift_ = 0.0;
    if (const std::int64_t failed = factor(0.0); failed < 0) {
        solve_factored(g, p);
        return std::isfinite(dot(p, p));
    } else {
        missing_shift(failed);
    }
    const auto n = static_cast<std::size_t>(n_);
    std::vector<double> a(n * n);
    for (std::size_t i = 0, k = 0; i < n; ++i)
        for (std::size_t j = 0; j <= i; ++j, ++k) a[i * n + j] = a[j * n + i] = h_[k];
    for (std::size_t i = 0; i < n; ++i) p[i] = -g[i];
    return eliminate(a, p) && std::isfinite(dot(p, p));
}

bool Quadratic::definite(const std::vector<double>& g, double least, std::vector<double>& p) {
    const Work work(*this);
    shift_ = 0.0;
    if (factor(0.0) >= 0) return false;
    for (std::int64_t i = 0; i < n_; ++i) {
        const double root = cholesky_.element(i, i);
        if (root * root < least) return false;
    }
    solve_factored(g, p);
    return std::isfinite(dot(p, p));
}

void Quadratic::visit(Archive& archive) {
    archive(h_, curvature_, shift_, count_);
    Archive::require(h_.empty() || h_.size() == triangle(n_));
}

}  // namespace schuss

// Fits in lanes, of models by name and of functions of the user's: both give blocks of values and
// derivatives, and all else is the same.
#pragma once
#include "models/group.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

template <class M>
void model_rows(const char* p, const char* x, std::int64_t count, char* rows) {
    Reals own[M::kParameters];
    for (int k = 0; k < M::kParameters; ++k) own[k] = reinterpret_cast<const Reals*>(p)[k];
    const M model(own);
    const auto* at = reinterpret_cast<const Reals*>(x);
    auto* to = reinterpret_cast<Reals*>(rows);
    for (std::int64_t i = 0; i < count; ++i, at += M::kVariables, to += 1 + M::kParameters)
        to[0] = model.at(at, to + 1);
}

// What the fits in the lanes have beside their state: their points, and a block of rows.
class Points {
  public:
    static std::int64_t size(const Fits& by) {
        return kPointBlock * (by.n + 1) + (2 + kMostVariables) * by.points.m;
    }

    Points(const Fits& fits, int of_variables, char* space)
        : by(fits),
          variables(of_variables),
          block(reinterpret_cast<Reals*>(space)),
          y_(block + kPointBlock * (fits.n + 1)),
          weights_(y_ + fits.points.m),
          x_(weights_ + fits.points.m) {}

    // The points of fit `row`, those that are missing left out, after them points without weight.
    // Returns how many there are.
    std::int64_t load(int lane, std::int64_t row) const {
        const FitPoints& from = by.points;
        if (!from.missing) return load_all(lane, row);
        std::int64_t count = 0;
        for (std::int64_t i = 0; i < from.m; ++i) {
            if (missing(row, i)) continue;
            for (int v = 0; v < variables; ++v)
                x_[count * variables + v][lane] =
                    from.x.data[row * from.x.next + v * from.x_variable + i];
            y_[count][lane] = from.y.data ? from.y.data[row * from.y.next + i] : 0.0;
            weights_[count][lane] =
                from.weights.data ? from.weights.data[row * from.weights.next + i] : 1.0;
            ++count;
        }
        for (std::int64_t i = count; i < from.m; ++i) {
            for (int v = 0; v < variables; ++v)
                x_[i * variables + v][lane] = count > 0 ? x_[v][lane] : 0.0;
            y_[i][lane] = 0.0;
            weights_[i][lane] = 0.0;
        }
        return count;
    }
    // Points that all fits share are in the lanes for good.
    void share() const {
        if (shared())
            for (std::int64_t i = 0; i < by.points.m; ++i)
                for (int v = 0; v < variables; ++v)
                    x_[i * variables + v] =
                        broadcast<Reals>(by.points.x.data[v * by.points.x_variable + i]);
    }
    bool missing(std::int64_t row, std::int64_t i) const {
        return by.points.missing && by.points.missing[row * by.points.m + i];
    }

    // f(first, count) for each block of points.
    template <class F>
    void each_block(const F& f) const {
        for (std::int64_t i = 0; i < by.points.m; i += kPointBlock)
            f(i, by.points.m - i < kPointBlock ? by.points.m - i : kPointBlock);
    }
    void add(std::int64_t i, std::int64_t count, const Sums& to) const {
        add_block(block, count, by.n, y_ + i, weighted() ? weights_ + i : nullptr, to);
    }
    void weigh(std::int64_t i, std::int64_t count) const {
        SCHUSS_TARGET::weigh(block, count, by.n + 1, weighted() ? weights_ + i : nullptr);
    }
    const Reals* x(std::int64_t i) const { return x_ + i * variables; }

    const Fits& by;
    const int variables;
    Reals* const block;

  private:
    std::int64_t load_all(int lane, std::int64_t row) const {
        const FitPoints& from = by.points;
        for (int v = 0; v < variables && !shared(); ++v)
            load_rows(from.x.data + row * from.x.next + v * from.x_variable, lane, x_ + v,
                      variables);
        load_rows(from.y.data ? from.y.data + row * from.y.next : nullptr, lane, y_, 1);
        if (from.weights.data)
            load_rows(from.weights.data + row * from.weights.next, lane, weights_, 1);
        return from.m;
    }
    void load_rows(const double* from, int lane, Reals* to, int step) const {
        for (std::int64_t i = 0; i < by.points.m; ++i) to[i * step][lane] = from ? from[i] : 0.0;
    }
    bool shared() const { return by.points.x.next == 0 && !by.points.missing; }
    bool weighted() const { return by.points.weights.data || by.points.missing; }
    Reals *y_, *weights_, *x_;
};

SCHUSS_INLINE char* bytes(Reals* of) { return reinterpret_cast<char*>(of); }
SCHUSS_INLINE const char* bytes(const Reals* of) { return reinterpret_cast<const char*>(of); }

void fit(const Fits& by, const ModelRows& model, std::int64_t first, std::int64_t end, char* state,
         char* space) {
    const Group group(by, state);
    const Points points(by, model.variables, space);
    points.share();
    std::int64_t in_lane[kLanes], next = first;
    const auto refill = [&](int lane) {
        if (next < end) {
            group.start(lane, next, points.load(lane, next));
            in_lane[lane] = next++;
        } else {
            group.idle(lane);
            in_lane[lane] = -1;
        }
    };
    for (int lane = 0; lane < kLanes; ++lane) {
        points.load(lane, first);
        refill(lane);
    }
    for (std::int64_t left = end - first; left > 0;) {
        const Sums& sums = group.sums();
        points.each_block([&](std::int64_t i, std::int64_t count) {
            model.rows(bytes(group.point()), bytes(points.x(i)), count, bytes(points.block));
            points.add(i, count, sums);
        });
        group.advance();
        for (int lane = 0; lane < kLanes; ++lane)
            if (in_lane[lane] >= 0 && group.ending(lane) != kFitRuns) {
                group.report(lane, in_lane[lane]);
                refill(lane);
                --left;
            }
    }
}

void start(const Fits& by, std::int64_t first, int count, char* state, char* space) {
    const Group group(by, state);
    const Points points(by, 0, space);
    for (int lane = 0; lane < kLanes; ++lane) {
        group.idle(lane);
        if (lane >= count) continue;
        group.start(lane, first + lane, points.load(lane, first + lane));
        group.report(lane, first + lane);
    }
}

// Rows from what a user's function gave for each lane, null where it was not asked; those of
// points that are missing are left out.
class Given {
  public:
    Given(const Points& points, std::int64_t first, const double* const* values,
          const double* const* jacobians)
        : points_(points), first_(first), values_(values), jacobians_(jacobians) {}

    void fill(std::int64_t count) {
        const std::int64_t n = points_.by.n, m = points_.by.points.m;
        for (int lane = 0; lane < kLanes; ++lane) {
            const double* jacobian = jacobians_[lane];
            for (std::int64_t i = 0; i < count; ++i) {
                Reals* row = points_.block + i * (n + 1);
                std::int64_t& from = next_[lane];
                while (jacobian && from < m && points_.missing(first_ + lane, from)) ++from;
                const bool there = jacobian && from < m;
                row[0][lane] = there && values_ ? values_[lane][from] : 0.0;
                for (std::int64_t k = 0; k < n; ++k)
                    row[1 + k][lane] = there ? jacobian[from * n + k] : 0.0;
                ++from;
            }
        }
    }

  private:
    const Points& points_;
    const std::int64_t first_;
    const double *const *values_, *const *jacobians_;
    std::int64_t next_[kLanes] = {};
};

void tell(const Fits& by, std::int64_t first, const double* const* values,
          const double* const* jacobians, char* state, char* space) {
    const Group group(by, state);
    const Points points(by, 0, space);
    for (int lane = 0; lane < kLanes; ++lane)
        points.load(lane, jacobians[lane] ? first + lane : first);
    Given given(points, first, values, jacobians);
    const Sums& sums = group.sums();
    points.each_block([&](std::int64_t i, std::int64_t count) {
        given.fill(count);
        points.add(i, count, sums);
    });
    group.advance();
    for (int lane = 0; lane < kLanes; ++lane)
        if (jacobians[lane]) group.report(lane, first + lane);
}

// The points of fits that are not run, and their parameters.
SCHUSS_INLINE void place(const Points& points, std::int64_t first, int count, Reals* p) {
    points.share();
    for (int lane = 0; lane < kLanes; ++lane) {
        const std::int64_t row = first + (lane < count ? lane : 0);
        points.load(lane, row);
        for (int k = 0; k < points.by.n; ++k) p[k][lane] = points.by.x[row * points.by.n + k];
    }
}

void evaluate(const Fits& by, const ModelRows& model, std::int64_t first, int count, char* space,
              double* values, double* jacobians) {
    const Points points(by, model.variables, space);
    const std::int64_t n = by.n, m = by.points.m;
    Reals p[kMostParameters]{};
    place(points, first, count, p);
    points.each_block([&](std::int64_t i, std::int64_t rows) {
        model.rows(bytes(p), bytes(points.x(i)), rows, bytes(points.block));
        for (int lane = 0; lane < count; ++lane)
            for (std::int64_t k = 0; k < rows; ++k) {
                const Reals* row = points.block + k * (n + 1);
                const std::int64_t at = (first + lane) * m + i + k;
                values[at] = row[0][lane];
                for (std::int64_t j = 0; j < n; ++j) jacobians[at * n + j] = row[1 + j][lane];
            }
    });
}

// W = L^-1, and W'W = (L L')^-1. Returns the least of L's diagonal in units of its rows' norms.
SCHUSS_INLINE Reals invert(const Reals* l, std::int64_t n, Reals* w, Reals* squares) {
    Reals least = number(1.0);
    for (std::int64_t i = 0; i < n; ++i) {
        const Reals* row = l + triangle(i);
        const Reals inverse = 1.0 / row[i];
        Reals norm{};
        for (std::int64_t k = 0; k <= i; ++k) norm = norm + row[k] * row[k];
        least = minimum(least, select(norm > 0.0, abs(row[i]) / sqrt(norm), Reals{}));
        for (std::int64_t k = 0; k < i; ++k) {
            Reals sum{};
            for (std::int64_t e = k; e < i; ++e) sum = sum + row[e] * w[triangle(e) + k];
            w[triangle(i) + k] = -sum * inverse;
        }
        w[triangle(i) + i] = inverse;
    }
    for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t k = 0; k <= i; ++k) {
            Reals sum{};
            for (std::int64_t e = i; e < n; ++e)
                sum = sum + w[triangle(e) + i] * w[triangle(e) + k];
            squares[triangle(i) + k] = sum;
        }
    return least;
}

// Of Jacobians, or where they are null of a model's.
void factors(const Fits& by, const ModelRows& model, const double* jacobians, std::int64_t first,
             int count, char* space, const Factors& to) {
    const Points points(by, jacobians ? 0 : model.variables, space);
    const std::int64_t n = by.n, m = by.points.m;
    constexpr std::int64_t most = triangle(kMostParameters);
    Reals p[kMostParameters]{}, l[most]{}, w[most], squares[most];
    place(points, first, count, p);
    const double* of[kLanes] = {};
    for (int lane = 0; lane < count; ++lane)
        if (jacobians) of[lane] = jacobians + (first + lane) * m * n;
    Given given(points, first, nullptr, of);
    points.each_block([&](std::int64_t i, std::int64_t rows) {
        if (jacobians)
            given.fill(rows);
        else
            model.rows(bytes(p), bytes(points.x(i)), rows, bytes(points.block));
        points.weigh(i, rows);
        reflect(points.block, rows, n, l);
    });
    const Reals least = invert(l, n, w, squares);
    for (int lane = 0; lane < count; ++lane) {
        const std::int64_t row = first + lane;
        to.least[row] = least[lane];
        for (std::int64_t i = 0, e = 0; i < n; ++i)
            for (std::int64_t k = 0; k <= i; ++k, ++e) {
                to.l[row * triangle(n) + e] = l[e][lane];
                double* inverse = to.inverse + row * n * n;
                inverse[i * n + k] = inverse[k * n + i] = squares[e][lane];
            }
    }
}

// f of each element, in double.
template <class T, Reals (*f)(Reals)>
void each_element(const char* from, std::int64_t count, char* to) {
    std::int64_t i = 0;
    constexpr std::int64_t size = sizeof(T);
    for (; i + kLanes <= count; i += kLanes)
        store_doubles<T>(to + i * size, f(load_doubles<T>(from + i * size)));
    if (i == count) return;
    alignas(kVectorBytes) char rest[kVectorBytes] = {};
    __builtin_memcpy(rest, from + i * size, static_cast<__SIZE_TYPE__>((count - i) * size));
    store_doubles<T>(rest, f(load_doubles<T>(rest)));
    __builtin_memcpy(to + i * size, rest, static_cast<__SIZE_TYPE__>((count - i) * size));
}

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

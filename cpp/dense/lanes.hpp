// Many small systems at once, one in each lane. Every operation of panels.hpp on every element, in
// its order: a system has the same bits alone and in a batch.
#pragma once
#include "dense/panels.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

constexpr int kSide = 4;  // of the square of elements that stays in registers

template <class T>
struct Lanes {
    using V = Vector<T>;
    const LaneWork& by;
    V* l;        // (i, k) at i (i + 1) / 2 + k
    V* inverse;  // 1 / (i, i)
    V* y;

    explicit Lanes(const LaneWork& work)
        : by(work),
          l(reinterpret_cast<V*>(work.space)),
          inverse(l + work.n * (work.n + 1) / 2),
          y(inverse + work.n) {}

    V* row(std::int64_t i) const { return l + i * (i + 1) / 2; }

    // Element e of each system; lanes without a system repeat the first.
    static void gather(V& to, const char* from, std::int64_t next, int count) {
        V values;  // put together in a register: from memory, it would wait for its own stores
#pragma GCC unroll 16
        for (int lane = 0; lane < kLaneCount<T>; ++lane)
            values[lane] = load<T>(from + (lane < count ? lane : 0) * next);
        to = values;
    }
    static void scatter(V from, char* to, std::int64_t next, int count) {
        alignas(kVectorBytes) T values[kLaneCount<T>];
        store(reinterpret_cast<char*>(values), from);
        for (int lane = 0; lane < count; ++lane) store(to + lane * next, values[lane]);
    }

    void read() const {
        for (std::int64_t i = 0; i < by.n; ++i)
            for (std::int64_t k = 0; k <= i; ++k)
                gather(row(i)[k], by.a.data + i * by.a.row + k * by.a.column, by.a_next, by.count);
    }

    void write() const {
        for (std::int64_t i = 0; i < by.n; ++i)
            for (std::int64_t k = 0; k < by.n; ++k)
                scatter(k <= i ? row(i)[k] : V{}, by.l.data + i * by.l.row + k * by.l.column,
                        by.l_next, by.count);
    }

    // Rows [i, i + kRowCount) of columns [j, j + kColumnCount).
    template <int kRowCount, int kColumnCount>
    SCHUSS_INLINE void square(std::int64_t i, std::int64_t j) const {
        V tile[kRowCount][kColumnCount];
#pragma GCC unroll 4
        for (int r = 0; r < kRowCount; ++r)
#pragma GCC unroll 4
            for (int c = 0; c < kColumnCount; ++c)
                tile[r][c] = j + c <= i + r ? row(i + r)[j + c] : V{};
        for (std::int64_t k = 0; k < j; ++k) {
            V right[kColumnCount];
#pragma GCC unroll 4
            for (int c = 0; c < kColumnCount; ++c) right[c] = row(j + c)[k];
#pragma GCC unroll 4
            for (int r = 0; r < kRowCount; ++r) {
                const V left = row(i + r)[k];
#pragma GCC unroll 4
                for (int c = 0; c < kColumnCount; ++c)
                    tile[r][c] = subtract_product(left, right[c], tile[r][c]);
            }
        }
#pragma GCC unroll 4
        for (int c = 0; c < kColumnCount; ++c) {
            if constexpr (kRowCount == kColumnCount)
                if (i == j) {
                    row(j + c)[j + c] = tile[c][c];  // the pivot, until it has been looked at
                    inverse[j + c] = broadcast<V>(1.0) / sqrt(tile[c][c]);
                }
#pragma GCC unroll 4
            for (int r = 0; r < kRowCount; ++r) tile[r][c] = tile[r][c] * inverse[j + c];
#pragma GCC unroll 4
            for (int next = c + 1; next < kColumnCount; ++next) {
                V right = row(j + next)[j + c];
                if constexpr (kRowCount == kColumnCount)
                    if (i == j) right = tile[next][c];
#pragma GCC unroll 4
                for (int r = 0; r < kRowCount; ++r)
                    tile[r][next] = subtract_product(tile[r][c], right, tile[r][next]);
            }
        }
#pragma GCC unroll 4
        for (int r = 0; r < kRowCount; ++r)
#pragma GCC unroll 4
            for (int c = 0; c < kColumnCount; ++c)
                if (j + c < i + r) row(i + r)[j + c] = tile[r][c];
    }

    void factor() const {
        std::int64_t j = 0;
        for (; j + kSide <= by.n; j += kSide) {
            std::int64_t i = j;
            for (; i + kSide <= by.n; i += kSide) square<kSide, kSide>(i, j);
            for (; i < by.n; ++i) square<1, kSide>(i, j);
        }
        for (; j < by.n; ++j)
            for (std::int64_t i = j; i < by.n; ++i) square<1, 1>(i, j);
    }

    // The first pivot of each system that is not positive and finite. Then the diagonal becomes
    // L's.
    void judge() const {
        for (int lane = 0; lane < by.count; ++lane) by.failed[lane] = -1;
        for (std::int64_t i = by.n; i-- > 0;) {
            V& pivot = row(i)[i];
            alignas(kVectorBytes) T values[kLaneCount<T>];
            store(reinterpret_cast<char*>(values), pivot);
            for (int lane = 0; lane < by.count; ++lane)
                if (!(values[lane] > 0 && values[lane] <= kLargest<T>)) by.failed[lane] = i;
            pivot = pivot * inverse[i];
        }
    }

    void forward() const {
        for (std::int64_t i = 0; i < by.n; ++i) {
            V rest = y[i];
            for (std::int64_t k = 0; k < i; ++k) rest = subtract_product(row(i)[k], y[k], rest);
            y[i] = rest * inverse[i];
        }
    }

    // As in panels: as many unknowns as a sum there has lanes, from the last.
    void backward() const {
        constexpr int lanes = kLanesOfSum<T>;
        for (std::int64_t first = (by.n - 1) / lanes * lanes; first >= 0; first -= lanes) {
            const std::int64_t end = first + lanes < by.n ? first + lanes : by.n;
            V own[lanes]{};
#pragma GCC unroll 8
            for (int c = 0; c < lanes; ++c) {
                const std::int64_t k = first + c;
                if (k >= end) continue;
                V sums[lanes];  // in registers, as all loops over them are unrolled
#pragma GCC unroll 8
                for (int s = 0; s < lanes; ++s) sums[s] = V{};
                for (std::int64_t i = (by.n - 1) / lanes * lanes; i > first; i -= lanes)
#pragma GCC unroll 8
                    for (int s = 0; s < lanes; ++s)
                        if (i + s < by.n) sums[s] = add_product(row(i + s)[k], y[i + s], sums[s]);
#pragma GCC unroll 4
                for (int half = lanes / 2; half > 0; half /= 2)
#pragma GCC unroll 4
                    for (int s = 0; s < half; ++s) sums[s] = sums[s] + sums[s + half];
                own[c] = y[k] - sums[0];
            }
#pragma GCC unroll 8
            for (int s = lanes - 1; s >= 0; --s) {
                const std::int64_t i = first + s;
                if (i >= end) continue;
                y[i] = own[s] = own[s] * inverse[i];
                const V* left = row(i) + first;
#pragma GCC unroll 8
                for (int c = 0; c < s; ++c) own[c] = subtract_product(left[c], own[s], own[c]);
            }
        }
    }

    void solve() const {
        for (std::int64_t c = 0; c < by.b_columns; ++c) {
            const char* b = by.b.data + c * by.b.column;
            char* x = by.x.data + c * by.x.column;
            for (std::int64_t i = 0; i < by.n; ++i)
                gather(y[i], b + i * by.b.row, by.b_next, by.count);
            forward();
            backward();
            for (std::int64_t i = 0; i < by.n; ++i)
                scatter(y[i], x + i * by.x.row, by.x_next, by.count);
        }
    }
};

template <class T>
void solve_lanes(const LaneWork& by) {
    const Lanes<T> lanes(by);
    lanes.read();
    lanes.factor();
    lanes.judge();
    if (by.l.data) lanes.write();
    if (by.b.data) lanes.solve();
}

// What Quadratic does with new Hessians, in its order: mean, factorization, and the step or the
// smallest curvature.
class NewtonLanes {
  public:
    explicit NewtonLanes(const LaneModels& by) : by_(by), work_(work_of(by)), systems_(work_) {
        work_.failed = failed_;
        // Lanes without a model repeat the first, and write what it writes.
        for (int lane = 0; lane < kLanes; ++lane) {
            const LaneModel& model = by.models[lane < by.count ? lane : 0];
            h_[lane] = model.h;
            g_[lane] = model.g;
            mean_[lane] = model.mean;
        }
    }

    void take_means() {
        const double* h[kLanes];  // in registers, whatever is written
        double* to[kLanes];
#pragma GCC unroll 8
        for (int lane = 0; lane < kLanes; ++lane) {
            h[lane] = h_[lane];
            to[lane] = mean_[lane];
        }
        V* own = systems_.l;
        const std::int64_t n = by_.n;
        const V half = broadcast<V>(0.5);
        V size{}, skew{}, sum{};
        for (std::int64_t i = 0, e = 0; i < n; ++i)
            for (std::int64_t k = 0; k <= i; ++k, ++e) {
                const V a = gather(h, i * n + k), b = gather(h, k * n + i);
                const V difference = a - b;
                size = maximum(size, maximum(abs(a), abs(b)));
                skew = maximum(skew, abs(difference));
                sum = sum + difference;
                const V mean = a * half + b * half;
                own[e] = mean;
#pragma GCC unroll 8
                for (int lane = 0; lane < kLanes; ++lane) to[lane][e] = mean[lane];
            }
        for (int lane = 0; lane < by_.count; ++lane) {
            LaneModel& model = by_.models[lane];
            model.size = size[lane];
            model.skew = skew[lane];
            model.sum = sum[lane];
        }
    }

    void step() const {
        systems_.factor();
        systems_.judge();
        for (std::int64_t i = 0; i < by_.n; ++i) systems_.y[i] = -gather(g_, i);
        systems_.forward();
        systems_.backward();
        for (int lane = 0; lane < by_.count; ++lane)
            for (std::int64_t i = 0; i < by_.n; ++i) by_.models[lane].step[i] = systems_.y[i][lane];
        systems_.forward();
        const V reach = squares();
        for (int lane = 0; lane < by_.count; ++lane) {
            by_.models[lane].reach = reach[lane];
            by_.models[lane].failed = failed_[lane];
        }
    }

    void find_curvature(const Smallest& how) const {
        V largest{};
        for (std::int64_t e = 0; e < by_.n * (by_.n + 1) / 2; ++e)
            largest = maximum(largest, abs(systems_.l[e]));
        for (std::int64_t i = 0; i < by_.n; ++i) {
            systems_.row(i)[i] = systems_.row(i)[i] + largest * broadcast<V>(how.rounding);
            systems_.y[i] = broadcast<V>(how.start[i % 11]);
        }
        systems_.factor();
        systems_.judge();
        for (int k = 0; k < how.iterations; ++k) {
            systems_.forward();
            systems_.backward();
            const V length = sqrt(squares());
            for (std::int64_t i = 0; i < by_.n; ++i) systems_.y[i] = systems_.y[i] / length;
        }
        V curvature{};
        for (std::int64_t i = 0, e = 0; i < by_.n; ++i, ++e) {
            V row{};
            for (std::int64_t k = 0; k < i; ++k, ++e) row = row + gather(mean_, e) * systems_.y[k];
            const V y = systems_.y[i];
            curvature = curvature + y * (broadcast<V>(2.0) * row + gather(mean_, e) * y);
        }
        for (int lane = 0; lane < by_.count; ++lane) {
            if (failed_[lane] < 0) by_.models[lane].curvature = curvature[lane];
            by_.models[lane].failed = 0;
        }
    }

  private:
    using V = Vector<double>;
    static constexpr int kLanes = kLaneCount<double>;

    static LaneWork work_of(const LaneModels& by) {
        LaneWork work{};
        work.n = by.n;
        work.count = by.count;
        work.space = by.space;
        return work;
    }
    template <class From>
    static V gather(const From& from, std::int64_t at) {
        V values;
#pragma GCC unroll 8
        for (int lane = 0; lane < kLanes; ++lane) values[lane] = from[lane][at];
        return values;
    }
    V squares() const {
        V sum{};
        for (std::int64_t i = 0; i < by_.n; ++i) sum = sum + systems_.y[i] * systems_.y[i];
        return sum;
    }

    const LaneModels& by_;
    std::int64_t failed_[kLanes];
    LaneWork work_;
    Lanes<double> systems_;
    const double *h_[kLanes], *g_[kLanes];
    double* mean_[kLanes];
};

void newton_lanes(const LaneModels& by) {
    NewtonLanes lanes(by);
    lanes.take_means();
    by.smallest ? lanes.find_curvature(*by.smallest) : lanes.step();
}

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

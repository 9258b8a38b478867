// Steps a model of three storage types and four layouts, without Python: at once, in chunks, over
// two ranges; some parameters frozen, some without a gradient. Prints what differs from a plain
// loop over numbers. See test_core.py.
#include "optim/optimizer.hpp"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <random>
#include <stdexcept>

#include "dispatch/dispatch.hpp"
#include "runtime/parallel.hpp"

using namespace schuss;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Storage types by their definition: digits of the significand, least exponent of a normal number.
struct Format {
    Element type;
    int digits, lowest;
};
constexpr Format kFormats[] = {
    {Element::kFloat32, 24, -126}, {Element::kBFloat16, 8, -126}, {Element::kFloat16, 11, -14}};

float nearest(float x, const Format& to) {
    int exponent;
    std::frexp(x, &exponent);
    const double unit = std::ldexp(1.0, std::max(exponent, to.lowest + 1) - to.digits);
    return static_cast<float>(std::nearbyint(x / unit) * unit);
}

float read(const char* from, const Format& as) {
    if (as.type == Element::kFloat32) {
        float x;
        std::memcpy(&x, from, sizeof x);
        return x;
    }
    std::uint16_t bits;
    std::memcpy(&bits, from, sizeof bits);
    const int fraction = as.digits - 1, exponent = (bits & 0x7FFF) >> fraction;
    const int significand = (bits & ((1 << fraction) - 1)) | (exponent ? 1 << fraction : 0);
    const double x = std::ldexp(significand, std::max(exponent, 1) - 1 + as.lowest - fraction);
    return static_cast<float>(bits & 0x8000 ? -x : x);
}

void write(char* to, float x, const Format& as) {
    if (as.type == Element::kFloat32) {
        std::memcpy(to, &x, sizeof x);
        return;
    }
    int exponent;
    std::frexp(x, &exponent);
    const int fraction = as.digits - 1, least = std::max(exponent - 1, as.lowest);
    auto bits = static_cast<int>(std::ldexp(std::fabs(x), fraction - least));
    if (bits >= 1 << fraction) bits += (least - as.lowest) << fraction;  // and the hidden digit
    bits |= std::signbit(x) ? 0x8000 : 0;
    const auto word = static_cast<std::uint16_t>(bits);
    std::memcpy(to, &word, sizeof word);
}

// A matrix in memory of its own that holds nothing else but gaps.
struct Array {
    Format format;
    std::vector<char> memory;
    View view;

    // layout: C, Fortran, gaps in the rows, rows from the last to the first.
    Array(const Format& f, std::int64_t rows, std::int64_t columns, int layout) : format(f) {
        const std::int64_t size = kBytes[static_cast<int>(f.type)], gap = layout == 2 ? 3 : 1;
        const std::int64_t elements = rows * columns;
        memory.resize(static_cast<std::size_t>(elements ? ((elements - 1) * gap + 1) * size : 0));
        view = {memory.data(), f.type, {rows, columns}, {columns * gap * size, gap * size}};
        if (layout == 1) view.strides = {size, rows * size};
        if (layout == 3 && elements) {
            view.data += (rows - 1) * view.strides[0];
            view.strides[0] *= -1;
        }
    }
    Array(const Array&) = delete;
    Array(Array&&) = default;
    std::int64_t count() const { return view.shape[0] * view.shape[1]; }
    char* at(std::int64_t i) const {
        return view.data + i / view.shape[1] * view.strides[0] +
               i % view.shape[1] * view.strides[1];
    }
    float get(std::int64_t i) const { return read(at(i), format); }
    void set(std::int64_t i, float x) { write(at(i), x, format); }
};

struct Shape {
    std::int64_t rows, columns;
};
constexpr Shape kShapes[] = {{3, 7}, {70, 80},  {0, 5}, {1, 4096}, {33, 19},
                             {1, 1}, {50, 101}, {9, 2}, {61, 67}};
constexpr std::size_t kLeaves = std::size(kShapes), kFrozen = 4;

std::vector<std::int64_t> offsets() {
    std::vector<std::int64_t> result{0};
    for (const Shape& s : kShapes) result.push_back(result.back() + s.rows * s.columns);
    return result;
}

// Sums of squares as the contract has them: blocks of 4096 of the row, 16 lanes, a tree.
double sum_squares(const std::vector<float>& x, std::int64_t first) {
    double total = 0.0;
    for (std::size_t i = 0; i < x.size();) {
        double lanes[16] = {};
        const std::size_t left = 4096 - (static_cast<std::size_t>(first) + i) % 4096;
        const std::size_t end = std::min(x.size(), i + left);
        for (std::size_t lane = 0; i < end; ++i, lane = (lane + 1) % 16)
            lanes[lane] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
        for (int half = 8; half > 0; half /= 2)
            for (int k = 0; k < half; ++k) lanes[k] += lanes[k + half];
        total += lanes[0];
    }
    return total;
}

struct Settings {
    const char* rule;
    std::vector<double> hyper;  // and weight decay, agc, agc_epsilon
    double max_norm, keep;
};
const Settings kMomentum{"momentum", {0.1, 0.9, 0.25, 0.5, 0.125, kInfinity, 1e-3}, 5.0, 0.75};
const Settings kLamb{
    "lamb", {0.05, 0.75, 0.9, 1e-3, 0.01, 0, 0, 1, 0, kInfinity, 0, kInfinity, 1e-3}, 5.0, 0.75};

// The plain loop over one parameter, in float.
struct Plain {
    std::vector<float> p, average;
    std::vector<float> slots[2];
    int count = 0;

    void step(std::vector<float> g, const Settings& by, double factor, std::int64_t first,
              const Format& stored) {
        const std::vector<double>& h = by.hyper;
        const auto f = [](double x) { return static_cast<float>(x); };
        std::vector<float> step(p.size());
        double rate = 1.0;
        for (std::size_t i = 0; i < p.size(); ++i) {
            const float scaled = f(factor) * g[i];
            float& a = slots[0][i];
            if (&by == &kMomentum) {
                a = f(h[1]) * a + f(1.0 - (count == 0 ? h[3] : h[2])) * (scaled + f(h[4]) * p[i]);
                step[i] = f(h[0]) * a;
            } else {
                float& v = slots[1][i];
                a = f(h[1]) * a + f(1.0 - h[1]) * scaled;
                v = f(h[2]) * v + f(1.0 - h[2]) * (scaled * scaled);
                step[i] = f(h[4]) * p[i] + a / (std::sqrt(v) + f(h[3]));
            }
        }
        if (&by == &kLamb) {
            const double of_p = std::sqrt(sum_squares(p, first));
            const double of_u = std::sqrt(sum_squares(step, first));
            rate = h[0] * (of_p != 0.0 && of_u != 0.0 ? of_p / of_u : 1.0);
        }
        for (std::size_t i = 0; i < p.size(); ++i) {
            if (&by == &kLamb) step[i] = f(rate) * step[i];
            p[i] = nearest(p[i] - step[i], stored);
            average[i] = f(by.keep) * average[i] + f(1.0 - by.keep) * p[i];
        }
        ++count;
    }
};

// One optimizer with arrays of its own.
struct Ours {
    std::vector<Array> params;
    Optimizer optimizer;

    static std::vector<Leaf> leaves(const Format& format) {
        std::vector<Leaf> result;
        for (std::size_t k = 0; k < kLeaves; ++k)
            result.push_back({format.type,
                              {kShapes[k].rows, kShapes[k].columns},
                              k % 4 == 1 ? std::vector{1, 0} : std::vector{0, 1}});
        return result;
    }
    Ours(const Settings& by, const Format& format, Range range)
        : optimizer(by.rule, leaves(format), std::vector<double>(2, 0.0), by.keep, range) {
        for (std::size_t k = 0; k < kLeaves; ++k)
            params.emplace_back(format, kShapes[k].rows, kShapes[k].columns, k % 4);
        std::vector<int> group_of(kLeaves, 0);
        group_of[kFrozen] = 1;
        optimizer.assign_groups(group_of, {false, true});
        optimizer.set_hyper({by.hyper, by.hyper});
        Options options;
        options.max_norm = by.max_norm;
        optimizer.set_options(options);
    }
    void bind(const std::vector<Array>& grads, const std::vector<bool>& present) {
        std::vector<Arrays> arrays;
        for (std::size_t k = 0; k < kLeaves; ++k)
            arrays.push_back({params[k].view, present[k] ? grads[k].view : View(), View()});
        optimizer.bind(arrays);
    }
};

enum Way { kWhole, kChunks, kRanges };

int compare(const Settings& by, const Format& format, Way way) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    const std::vector<std::int64_t> first = offsets();
    std::vector<Ours> ours;
    if (way == kRanges) {
        ours.emplace_back(by, format, Range{0, 8192});
        ours.emplace_back(by, format, Range{8192, first.back()});
    } else {
        ours.emplace_back(by, format, Range{});
    }
    std::vector<Plain> plain(kLeaves);
    for (std::size_t k = 0; k < kLeaves; ++k) {
        const auto n = static_cast<std::size_t>(first[k + 1] - first[k]);
        for (std::size_t i = 0; i < n; ++i) plain[k].p.push_back(nearest(normal(random), format));
        plain[k].average = plain[k].p;
        for (std::vector<float>& slot : plain[k].slots) slot.assign(n, 0.0F);
        for (Ours& one : ours)
            for (std::size_t i = 0; i < n; ++i)
                one.params[k].set(static_cast<std::int64_t>(i), plain[k].p[i]);
    }
    const auto owner = [&](std::size_t k, std::int64_t i) -> const Ours& {
        return ours[way == kRanges && first[k] + i >= 8192 ? 1 : 0];
    };
    int wrong = 0;
    for (int t = 0; t < 4; ++t) {
        std::vector<Array> grads;
        std::vector<std::vector<float>> numbers;
        std::vector<float> row;
        std::vector<bool> present;
        for (std::size_t k = 0; k < kLeaves; ++k) {
            const Format& stored = kFormats[(k + static_cast<std::size_t>(t)) % 3];
            grads.emplace_back(stored, kShapes[k].rows, kShapes[k].columns, (k + 1) % 4);
            present.push_back(random() % 3 != 0 || k == 1);
            numbers.emplace_back();
            for (std::int64_t i = 0; i < grads[k].count(); ++i) {
                numbers[k].push_back(nearest(normal(random), stored));
                grads[k].set(i, numbers[k].back());
                row.push_back(present[k] && k != kFrozen ? numbers[k].back() : 0.0F);
            }
        }
        const double norm = std::sqrt(sum_squares(row, 0));
        const double factor = norm <= by.max_norm ? 1.0 : by.max_norm / (norm + 1e-6);
        for (Ours& one : ours) one.bind(grads, present);
        const double of_ranges = norm_of([&](double scale) {
            std::vector<double> all;
            for (const Ours& one : ours) {
                const std::vector<double> own = one.optimizer.block_sums(scale);
                all.insert(all.end(), own.begin(), own.end());
            }
            return all;
        });
        wrong += of_ranges != norm;
        std::vector<double> sums;
        for (Ours& one : ours) {
            if (way == kWhole) {
                one.optimizer.step();
                continue;
            }
            one.optimizer.open(way == kRanges ? std::optional(of_ranges) : std::nullopt);
            const std::vector<double> own = one.optimizer.gather();
            sums.insert(sums.end(), own.begin(), own.end());
        }
        for (Ours& one : ours) {
            if (way == kWhole) continue;
            one.optimizer.set_sums(sums);
            std::vector<std::size_t> order(kLeaves);
            std::iota(order.begin(), order.end(), std::size_t{0});
            std::shuffle(order.begin(), order.end(), random);
            for (std::size_t k = 0; k < kLeaves; k += 2)
                one.optimizer.run(
                    {order.begin() + static_cast<std::ptrdiff_t>(k),
                     order.begin() + static_cast<std::ptrdiff_t>(std::min(k + 2, kLeaves))});
            one.optimizer.close();
        }
        for (std::size_t k = 0; k < kLeaves; ++k)
            if (present[k] && k != kFrozen) plain[k].step(numbers[k], by, factor, first[k], format);
        for (std::size_t k = 0; k < kLeaves; ++k)  // the ranks send each other what is theirs
            for (std::int64_t i = 0; i < grads[k].count(); ++i)
                for (Ours& one : ours) one.params[k].set(i, owner(k, i).params[k].get(i));
    }
    for (std::size_t k = 0; k < kLeaves; ++k) {
        const int n_slots = ours[0].optimizer.rule().n_slots;
        for (std::int64_t i = 0; i < ours[0].params[k].count(); ++i) {
            const auto at = static_cast<std::size_t>(i);
            const Ours& one = owner(k, i);
            wrong += one.params[k].get(i) != plain[k].p[at];
            for (int s = 0; s <= n_slots; ++s) {
                const View view = one.optimizer.slot(k, s);
                const bool whole = view.shape.size() == 2;
                const std::int64_t before =
                    whole || &one == &ours[0] ? 0 : std::max<std::int64_t>(8192 - first[k], 0);
                const std::int64_t columns = kShapes[k].columns;
                const char* place = view.data + (whole ? i / columns * view.strides[0] +
                                                             i % columns * view.strides[1]
                                                       : (i - before) * view.strides[0]);
                const std::vector<float>& wanted =
                    s == n_slots ? plain[k].average : plain[k].slots[s];
                wrong += read(place, kFormats[0]) != wanted[at];
            }
        }
    }
    if (wrong)
        std::printf("%s, storage %d, way %d: %d numbers differ\n", by.rule,
                    static_cast<int>(format.type), static_cast<int>(way), wrong);
    return wrong;
}

template <class F>
bool throws(const F& call) {
    try {
        call();
    } catch (const std::exception&) {
        return true;
    }
    return false;
}

// Calls out of turn are refused and write nothing; a step that has written nothing is cancelled.
int out_of_turn(const Settings& by) {
    Ours ours(by, kFormats[0], Range{});
    Optimizer& one = ours.optimizer;
    int wrong = 0;
    const auto refused = [&](const auto& call) { wrong += !throws(call); };
    refused([&] { one.open(); });  // nothing is bound
    std::vector<Array> grads;
    for (const Shape& s : kShapes) grads.emplace_back(kFormats[0], s.rows, s.columns, 0);
    grads[1].set(0, 1.0F);
    ours.params[1].set(0, 1.0F);
    ours.bind(grads, std::vector<bool>(kLeaves, true));
    const bool sums = one.rule().n_sums > 0;
    refused([&] { one.set_hyper({by.hyper}); });
    refused([&] { one.set_hyper({by.hyper, {0.1}}); });
    Ours half(by, kFormats[0], Range{0, 8192});
    half.bind(grads, std::vector<bool>(kLeaves, true));
    refused([&] { half.optimizer.open(); });  // max_norm is of the whole model
    refused([&] { one.open(-1.0); });
    refused([&] { one.run({0}); });
    refused([&] { one.cancel(); });
    one.open();
    refused([&] { one.open(); });
    refused([&] { one.decide(0); });
    refused([&] { one.step(); });
    refused([&] { one.set_hyper({by.hyper, by.hyper}); });
    refused([&] { one.set_options(one.options()); });
    refused([&] { one.assign_groups(std::vector<int>(kLeaves), {false}); });
    refused([&] { one.set_present(std::vector<bool>(kLeaves)); });
    refused([&] { one.restore(1, std::vector<std::int64_t>(kLeaves), {kLeaves, {0.0}}); });
    refused([&] { ours.bind(grads, std::vector<bool>(kLeaves, true)); });
    if (sums) refused([&] { one.run({0}); });
    one.cancel();
    refused([&] { one.close(); });
    one.open();
    one.set_sums(one.gather());
    refused([&] { one.run({1, 1}); });
    refused([&] { one.run({1, kLeaves}); });
    refused([&] { one.close(); });
    wrong += ours.params[1].get(0) != 1.0F;
    std::vector<std::size_t> all(kLeaves);
    std::iota(all.begin(), all.end(), std::size_t{0});
    one.run(all);
    refused([&] { one.run({1}); });
    refused([&] { one.cancel(); });
    one.close();
    wrong += ours.params[1].get(0) == 1.0F || one.step_count != 1;
    one.restore(1, std::vector<std::int64_t>(kLeaves, 1),
                std::vector<std::vector<double>>(kLeaves));
    refused([&] { one.step(); });  // hyperparameters are to be set anew
    if (wrong) std::printf("%s: %d calls out of turn are taken\n", by.rule, wrong);
    return wrong;
}

int main() {
    init_threads();
    choose_isa();
    int wrong = 0;
    for (const Settings* by : {&kMomentum, &kLamb}) {
        wrong += out_of_turn(*by);
        for (const Format& format : kFormats)
            for (const Way way : {kWhole, kChunks, kRanges}) wrong += compare(*by, format, way);
    }
    if (!throws([] { find_rule("nothing"); })) wrong += std::puts("an unknown rule is taken");
    return wrong != 0;
}

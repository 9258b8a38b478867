// Compiled once per ISA, with -DSCHUSS_TARGET=<isa>: the registry becomes one table of kernels.
#include "kernels/table.hpp"
#include "kernels/update_loop.hpp"
#include "kernels/linear.hpp"
#include "kernels/reduce.hpp"
#include "kernels/tile.hpp"
#include "kernels/tiles.hpp"
#include "rules/registry.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

static_assert(__FLT_EVAL_METHOD__ == 0, "the bit contract needs arithmetic in the operands' type");

template <class R, class T>
constexpr void fill(UpdateKernel* kernels) {
    kernels[kNothing] = update<R, T, kNothing>;
    kernels[kDecay] = update<R, T, kDecay>;
    kernels[kAll] = update<R, T, kAll>;
}

template <class R>
constexpr Rule entry(const char* name) {
    Rule rule{};
    rule.name = name;
    rule.hyper = R::hyper;
    rule.slots = R::slots;
    if constexpr (requires { R::squares; }) rule.squares = R::squares;
    static_assert(R::By::learning_rate == 0);
    rule.n_hyper = R::By::kHypers;
    rule.n_slots = word_count(R::slots);
    if constexpr (requires { R::carry; }) {
        rule.n_carry = sizeof(R::carry) / sizeof(double);
        static_assert(sizeof(R::carry) / sizeof(double) <= kMaxCarry);
        for (int k = 0; k < rule.n_carry; ++k) rule.carry[k] = R::carry[k];
    }
    rule.coefficients = R::coefficients;
    if constexpr (requires { R::decay; }) rule.decay = R::decay;
    rule.sums = "";
    if constexpr (kSumsOf<R> > 0) {
        rule.sums = R::sums;
        rule.n_sums = kSumsOf<R>;
        rule.set_sums = R::set_sums;
        rule.gather[kFloat32] = gather<R, float>;
        rule.gather[kFloat64] = gather<R, double>;
    }
    fill<R, float>(rule.update[kFloat32]);
    fill<R, double>(rule.update[kFloat64]);
    return rule;
}

template <class T, class D>
constexpr VectorKernels vector_kernels = {probe<T, D>, pair<T, D>, combination<T, D>,
                                          advance<T, D>};

// A parameter may be stored in its compute dtype, or in less than float32.
template <class S, class T>
constexpr StoreKernel store_kernel() {
    if constexpr (kByVector<S, T>)
        return store_elements<S, T>;
    else
        return nullptr;
}

#define SCHUSS_LOAD(name, type, ...) {load_elements<type, float>, load_elements<type, double>},
#define SCHUSS_TURN(name, type, ...) turn_block<type>,
#define SCHUSS_STORE(name, type, ...) {store_kernel<type, float>(), store_kernel<type, double>()},
#define SCHUSS_ENTRY(name, type) entry<type>(#name),
constexpr Rule kRules[] = {SCHUSS_RULES(SCHUSS_ENTRY)};
#undef SCHUSS_ENTRY

}  // namespace

extern const KernelTable kernel_table;
const KernelTable kernel_table = {
    kRules,
    sizeof(kRules) / sizeof(kRules[0]),
    {sum_squares<float>, sum_squares<double>},
    {add_squares<float>, add_squares<double>},
    {scale_units<float>, scale_units<double>},
    {take_average<float>, take_average<double>},
    {SCHUSS_ELEMENTS(SCHUSS_LOAD)},
    {SCHUSS_ELEMENTS(SCHUSS_TURN)},
    {SCHUSS_STORAGES(SCHUSS_STORE)},
    {{vector_kernels<float, float>, vector_kernels<float, double>},
     {vector_kernels<double, float>, vector_kernels<double, double>}},
    {trial<float>, trial<double>},
    multiply_tile,
};

}  // namespace schuss::SCHUSS_TARGET

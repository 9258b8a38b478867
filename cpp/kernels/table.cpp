// Compiled once per ISA, with -DSCHUSS_TARGET=<isa>: the registry becomes one table of kernels.
#include "kernels/table.hpp"
#include "kernels/update_loop.hpp"
#include "kernels/linear.hpp"
#include "kernels/reduce.hpp"
#include "kernels/tile.hpp"
#include "rules/registry.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

static_assert(__FLT_EVAL_METHOD__ == 0, "the bit contract needs arithmetic in the operands' type");

template <class R>
constexpr Rule entry(const char* name) {
    Rule rule{};
    rule.name = name;
    rule.hyper = R::hyper;
    rule.slots = R::slots;
    if constexpr (requires { R::squares; }) rule.squares = R::squares;
    rule.n_slots = word_count(R::slots);
    if constexpr (requires { R::carry; }) {
        rule.n_carry = sizeof(R::carry) / sizeof(double);
        static_assert(sizeof(R::carry) / sizeof(double) <= kMaxCarry);
        for (int k = 0; k < rule.n_carry; ++k) rule.carry[k] = R::carry[k];
    }
    rule.coefficients = R::coefficients;
    rule.plain[kFloat32] = update<R, float, false>;
    rule.plain[kFloat64] = update<R, double, false>;
    rule.prepared[kFloat32] = update<R, float, true>;
    rule.prepared[kFloat64] = update<R, double, true>;
    return rule;
}

template <class T, class D>
constexpr VectorKernels vector_kernels = {probe<T, D>, pair<T, D>, combination<T, D>,
                                          advance<T, D>};

#define SCHUSS_ENTRY(name, type) entry<type>(#name),
constexpr Rule kRules[] = {SCHUSS_RULES(SCHUSS_ENTRY)};
#undef SCHUSS_ENTRY

}  // namespace

extern const KernelTable kernel_table;
const KernelTable kernel_table = {
    kRules,
    sizeof(kRules) / sizeof(kRules[0]),
    {sum_squares<float>, sum_squares<double>},
    {{vector_kernels<float, float>, vector_kernels<float, double>},
     {vector_kernels<double, float>, vector_kernels<double, double>}},
    {trial<float>, trial<double>},
    multiply_tile,
};

}  // namespace schuss::SCHUSS_TARGET

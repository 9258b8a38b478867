// Compiled once per ISA, with -DSCHUSS_TARGET=<isa>: the registry becomes one table of models.
#include "models/table.hpp"

#include "models/lanes.hpp"
#include "models/products.hpp"
#include "models/registry.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

static_assert(kLanes <= kMostFitLanes && kVectorBytes <= kModelVector);

template <class M>
constexpr ModelRows rows_of() {
    static_assert(M::kVariables <= kMostVariables && M::kParameters <= kMostParameters);
    return {M::kVariables, model_rows<M>};
}

template <class M>
constexpr Model model(const char* name) {
    return {name,
            M::parameters,
            {{rows_of<WithLine<M, false, false>>(), rows_of<WithLine<M, false, true>>()},
             {rows_of<WithLine<M, true, false>>(), rows_of<WithLine<M, true, true>>()}}};
}

#define SCHUSS_ENTRY(name, type) model<type>(#name),
constexpr Model kModels[] = {SCHUSS_MODELS(SCHUSS_ENTRY)};
#undef SCHUSS_ENTRY

std::int64_t state_bytes(const Fits& by) { return Group::size(by.n) * kVectorBytes; }
std::int64_t space_bytes(const Fits& by) { return Points::size(by) * kVectorBytes; }

}  // namespace

extern const ModelTable model_table;
const ModelTable model_table = {
    kModels,
    sizeof(kModels) / sizeof(kModels[0]),
    kLanes,
    state_bytes,
    space_bytes,
    fit,
    start,
    tell,
    evaluate,
    factors,
    2 * kLanes,
    add_tall_tile,
    {each_element<float, exp>, each_element<double, exp>},
    {each_element<float, log>, each_element<double, log>},
};

}  // namespace schuss::SCHUSS_TARGET

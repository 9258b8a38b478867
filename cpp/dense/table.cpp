// Compiled once per ISA, with -DSCHUSS_TARGET=<isa> and fused multiply-add where the ISA has it.
#include "dense/table.hpp"

#include "dense/lanes.hpp"
#include "dense/panels.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

template <class T>
constexpr PanelKernels panel_kernels = {kRows<T>,  kPanelColumns, pack<T>,    unpack<T>,
                                        factor<T>, update<T>,     forward<T>, backward<T>};

}  // namespace

extern const DenseTable dense_table;
const DenseTable dense_table = {
    {panel_kernels<float>, panel_kernels<double>},
    {kLaneCount<float>, kLaneCount<double>},
    {solve_lanes<float>, solve_lanes<double>},
    newton_lanes,
};

}  // namespace schuss::SCHUSS_TARGET

// The tensors of one step: where their elements lie, and which of them take part.
#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "core/types.hpp"
#include "runtime/strided.hpp"

namespace schuss {

// The part of a parameter that an optimizer owns, and what belongs to it.
struct Tensor {
    DType dtype = kFloat32;  // of arithmetic and states
    std::int64_t first = 0;  // its first element in walk order; slots begin there
    std::int64_t count = 0;
    int coefficients = 0;         // which of those of the step
    bool resting = false;         // takes no part: keeps its bits, and its gradient counts as zeros
    Operand param, grad, shadow;  // in walk order; no shadow where its data is null
    Operand ordered_param, ordered_grad;  // in C order, which sums follow
    char* slots[kMaxSlots] = {};
    char* average = nullptr;
    // Units along an axis, whose gradients are clipped each by its own norm: the unit of the
    // element at a place in walk order is place / unit_stride % units.
    std::int64_t units = 1, unit_stride = 1;
    std::int64_t units_before = 1;  // in C order, product of the axes before that of the units
    std::unique_ptr<std::vector<char>> factors;  // of the units, where one is to be clipped
};

// Tensors that share hyperparameters and the number of steps that they have taken.
struct Coefficients {
    double of_rule[kMaxCoefficients];
    Policy policy;
    double max_ratio;  // of the norms of a unit's gradient and parameter; infinity: no clipping
    double least_norm;
};

// Some of the tensors, in an order, as one row of elements.
struct Row {
    std::vector<std::size_t> tensors;
    std::vector<std::int64_t> offsets{0};  // first element of each, and the total

    void add(std::size_t tensor, std::int64_t count) {
        tensors.push_back(tensor);
        offsets.push_back(offsets.back() + count);
    }
    std::int64_t total() const { return offsets.back(); }
};

// How many blocks of the grid the elements [begin, end) of a tensor meet.
inline std::int64_t pieces(std::int64_t begin, std::int64_t end) {
    return end > begin ? (end - 1) / kBlock - begin / kBlock + 1 : 0;
}

struct Plan {
    std::vector<Tensor> tensors;
    std::vector<std::int64_t> offsets{0};  // of all tensors, resting ones too: the grid of sums
    Row moving;                            // those that take part
    DType narrowest = kFloat64;            // of them
    double keep = 0.0;                     // of averages of the parameters

    void add(Tensor tensor) {
        const std::int64_t begin = offsets.back(), end = begin + tensor.count;
        offsets.push_back(end);
        first_pieces.push_back(first_pieces.back() + pieces(begin, end));
        tensors.push_back(std::move(tensor));
    }
    // Sums of each tensor are those of its pieces, in order: what it has of each block of the grid
    // that it meets. The first piece of each tensor among all, and their number.
    std::vector<std::int64_t> first_pieces{0};

    void choose_moving() {
        moving = Row();
        narrowest = kFloat64;
        for (std::size_t t = 0; t < tensors.size(); ++t) {
            if (tensors[t].resting) continue;
            moving.add(t, tensors[t].count);
            narrowest = std::min(narrowest, tensors[t].dtype);
        }
    }
};

}  // namespace schuss

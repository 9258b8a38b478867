// Rprop, Riedmiller & Braun 1993, in the form of PyTorch: an element moves by its own step size,
// which grows while the sign of its gradient stays and shrinks where it changes. There the element
// does not move, and its gradient counts as 0 in the next step. Signs are compared, not the
// gradients multiplied: their product may be less than the smallest number.
#pragma once
#include "rules/terms.hpp"

namespace schuss::SCHUSS_TARGET {
namespace {

struct Rprop {
    SCHUSS_HYPER(learning_rate, eta_minus, eta_plus, step_min, step_max)
    static constexpr char slots[] = "prev step_size";
    enum { kFirst, kLearningRate, kMinus, kPlus, kLeast, kMost, kCoefficients };
    static void coefficients(const double* h, std::int64_t t, double*, double* c) {
        c[kFirst] = t == 1 ? 1.0 : 0.0;
        c[kLearningRate] = h[By::learning_rate];
        c[kMinus] = h[By::eta_minus];
        c[kPlus] = h[By::eta_plus];
        c[kLeast] = h[By::step_min];
        c[kMost] = h[By::step_max];
    }
    template <class V>
    SCHUSS_INLINE static V step(V g, V& prev, V& size, const V* c) {
        const V one = broadcast<V>(1.0), turn = sign(g) * sign(prev);
        const V factor = select(turn > V{}, c[kPlus], select(turn < V{}, c[kMinus], one));
        size = select(c[kFirst] > V{}, c[kLearningRate], size) * factor;
        size = minimum(maximum(size, c[kLeast]), c[kMost]);
        prev = select(turn < V{}, V{}, g);
        return sign(prev) * size;
    }
};

}  // namespace
}  // namespace schuss::SCHUSS_TARGET

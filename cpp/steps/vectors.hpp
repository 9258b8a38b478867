// Vectors of a solver and the work on them: blocks of kBlock elements shared out among threads,
// sums of blocks added in order, so that the bits do not depend on how many threads there are.
#pragma once
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "kernels/table.hpp"
#include "runtime/states.hpp"

namespace schuss {

// n elements of one dtype, zero at first.
class Vector {
  public:
    // place: where in the page it begins; vectors of one solver differ in it.
    Vector(std::int64_t n, DType dtype, int place)
        : n_(n),
          dtype_(dtype),
          memory_(staggered(0, bytes(), place) + bytes()),
          data_(memory_.base() + staggered(0, bytes(), place)) {}

    char* data() const { return data_; }
    double* doubles() const { return reinterpret_cast<double*>(data()); }
    std::int64_t bytes() const { return n_ * size_of(dtype_); }
    std::int64_t size() const { return n_; }
    DType dtype() const { return dtype_; }
    void set(const char* elements) const {  // of our dtype
        std::memcpy(data_, elements, static_cast<std::size_t>(bytes()));
    }

  private:
    std::int64_t n_;
    DType dtype_;
    Block memory_;
    char* data_;
};

// n elements of a dtype, to doubles and from them.
void copy_as_doubles(DType dtype, const char* from, std::int64_t n, double* to);
void copy_from_doubles(const double* from, std::int64_t n, DType dtype, char* to);

// As kernels take them.
inline char* bytes(std::vector<double>& values) { return reinterpret_cast<char*>(values.data()); }
inline const char* bytes(const std::vector<double>& values) {
    return reinterpret_cast<const char*>(values.data());
}

using VectorPtr = std::shared_ptr<Vector>;

// Iterates and gradients of one dtype, directions and curvature pairs of another, n elements each.
class VectorWork {
  public:
    VectorWork(std::int64_t n, DType iterates, DType directions);

    struct Sizes {
        double slope, squares, largest;  // g.d, g.g and the largest |g|; see Probe
        bool finite;                     // all of g
        // Of the elements that d moves, in a box: those of the change of g, of g and of g before.
        double change = 0.0, moved = 0.0, moved_before = 0.0;
    };
    Sizes probe(const Probe& by);
    // The same with d = g; at x, where there is a box.
    Sizes norms(const char* g, const Box* box = nullptr, const char* x = nullptr);
    double dot(const double* a, const double* b);
    double dot(const std::vector<double>& a, const std::vector<double>& b) {
        return dot(a.data(), b.data());
    }
    struct Compared {
        double slope, length_squared, curvature;  // s.g, s.s and s.y
        double squares, largest;                  // of g_new
    };
    Compared compare(const Trial& by);
    // Products of each row with y and with g, two a row.
    const std::vector<double>& pair(CurvaturePair by);
    struct Direction {
        double slope, squares;  // g.d and d.d
        double part = 0.0;      // in a box: see Combination
    };
    Direction combine(Combination by);
    void advance(const Advance& by);

    bool parallel = true;  // whether threads may help; the bits do not depend on it

  private:
    const VectorKernels& kernel() const;
    Sizes probe_with(ProbeKernel kernel, const Probe& by);
    enum class Order { kAscending, kDescending };
    template <class Block>
    void blocks(std::int64_t streams, int n_sums, double* totals, const Block& block,
                Order order = Order::kAscending);
    // The largest of what the blocks have in place k of n_sums, where the last call left totals.
    double largest(int k, int n_sums, const double* totals) const;

    std::int64_t n_;
    DType iterates_, directions_;
    std::vector<double> of_blocks_, products_;
};

}  // namespace schuss

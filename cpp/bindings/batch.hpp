// A batch of solvers as Python drives it: a row of an array for each problem.
#pragma once
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <atomic>
#include <string>

#include "bindings/arrays.hpp"
#include "bindings/busy.hpp"
#include "bindings/methods.hpp"
#include "solvers/batch.hpp"

namespace schuss {

class Batch {
  public:
    // starts: count x n, C-contiguous, float32 or float64.
    Batch(const std::string& method, const py::array& starts, const py::dict& options)
        : dtype_(starts.dtype()),
          n_(starts.shape(1)),
          solvers_(starts.shape(0), n_, dtype_of(starts), static_cast<const char*>(starts.data()),
                   bounds_in(options, dtype_of(starts), n_),
                   maker(method, n_, dtype_of(starts), options)) {}

    // Indices of those that are not done.
    py::array running() const {
        const Busy busy(busy_, "batch");
        const std::vector<std::int64_t>& rows = solvers_.running();
        return py::array_t<std::int64_t>(static_cast<py::ssize_t>(rows.size()), rows.data());
    }

    // A row for each of them.
    py::array points() const {
        const Busy busy(busy_, "batch");
        const auto count = static_cast<py::ssize_t>(solvers_.running().size());
        return py::array(dtype_, {count, n_}, solvers_.points().data());
    }

    // values: as many float64; gradients: like points(); hessians: float64, or None.
    void tell(const py::array& values, const py::array& gradients, const py::object& hessians) {
        const Busy busy(busy_, "batch");
        const auto* f = static_cast<const double*>(values.data());
        const auto* g = static_cast<const char*>(gradients.data());
        const auto* h = hessians.is_none()
                            ? nullptr
                            : static_cast<const double*>(py::cast<py::array>(hessians).data());
        const py::gil_scoped_release released;
        solvers_.tell(f, g, h);
    }

    py::dict results() const {
        using namespace py::literals;
        const Busy busy(busy_, "batch");
        const py::ssize_t count = solvers_.count();
        py::array x(dtype_, {count, n_}), jac(dtype_, {count, n_});
        py::array_t<double> fun(count), curvature(count), shift(count);
        py::array_t<std::int64_t> nit(count), nfev(count), nhev(count), status(count);
        py::array_t<bool> minimum(count);
        py::list messages;
        for (py::ssize_t k = 0; k < count; ++k) {
            const Solver& solver = solvers_.at(k);
            const Solver::Best best = solver.best();
            const Solver::SecondOrder second = solver.second_order();
            const auto bytes = static_cast<std::size_t>(best.x->bytes());
            std::copy_n(best.x->data(), bytes, static_cast<char*>(x.mutable_data(k)));
            std::copy_n(best.gradient->data(), bytes, static_cast<char*>(jac.mutable_data(k)));
            fun.mutable_at(k) = best.value;
            nit.mutable_at(k) = solver.iterations();
            nfev.mutable_at(k) = solver.evaluations();
            status.mutable_at(k) = static_cast<int>(solver.status());
            messages.append(solver.message());
            nhev.mutable_at(k) = second.hessians;
            curvature.mutable_at(k) = second.curvature;
            minimum.mutable_at(k) = second.minimum;
            shift.mutable_at(k) = second.shift;
        }
        return py::dict("x"_a = x, "fun"_a = fun, "jac"_a = jac, "nit"_a = nit, "nfev"_a = nfev,
                        "nhev"_a = nhev, "status"_a = status, "message"_a = messages,
                        "min_curvature"_a = curvature, "is_minimum"_a = minimum, "shift"_a = shift);
    }

  private:
    py::dtype dtype_;
    std::int64_t n_;
    SolverBatch solvers_;
    mutable std::atomic<bool> busy_{false};
};

}  // namespace schuss

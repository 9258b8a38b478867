#include "bindings/batch.hpp"

#include <algorithm>

#include "bindings/busy.hpp"
#include "bindings/methods.hpp"

namespace schuss {

Batch::Batch(const std::string& method, const py::array& starts, const py::dict& options)
    : dtype_(starts.dtype()),
      n_(starts.shape(1)),
      solvers_(starts.shape(0), n_ * starts.itemsize(), static_cast<const char*>(starts.data()),
               bounds_in(options, starts.itemsize() == 4 ? kFloat32 : kFloat64, n_),
               maker(method, n_, starts.itemsize() == 4 ? kFloat32 : kFloat64, options)) {}

py::array Batch::running() const {
    const Busy busy(busy_, "batch");
    const std::vector<std::int64_t>& rows = solvers_.running();
    return py::array_t<std::int64_t>(static_cast<py::ssize_t>(rows.size()), rows.data());
}

py::array Batch::points() const {
    const Busy busy(busy_, "batch");
    const auto count = static_cast<py::ssize_t>(solvers_.running().size());
    return py::array(dtype_, {count, n_}, solvers_.points().data());
}

void Batch::tell(const py::array& values, const py::array& gradients, const py::object& hessians) {
    const Busy busy(busy_, "batch");
    const auto* f = static_cast<const double*>(values.data());
    const auto* g = static_cast<const char*>(gradients.data());
    const auto* h = hessians.is_none()
                        ? nullptr
                        : static_cast<const double*>(py::cast<py::array>(hessians).data());
    const py::gil_scoped_release released;
    solvers_.tell(f, g, h);
}

py::dict Batch::results() const {
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
    py::dict result;
    result["x"] = x;
    result["fun"] = fun;
    result["jac"] = jac;
    result["nit"] = nit;
    result["nfev"] = nfev;
    result["nhev"] = nhev;
    result["status"] = status;
    result["message"] = messages;
    result["min_curvature"] = curvature;
    result["is_minimum"] = minimum;
    result["shift"] = shift;
    return result;
}

}  // namespace schuss

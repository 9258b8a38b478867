// Least-squares fits in lanes. What comes was checked in Python: C-contiguous float64 arrays, and
// truth values for points that are missing.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "bindings/arrays.hpp"
#include "bindings/busy.hpp"
#include "bindings/register.hpp"
#include "dispatch/dispatch.hpp"
#include "runtime/parallel.hpp"
#include "solvers/fits.hpp"

namespace schuss {
namespace {

using Array = py::array_t<double, py::array::c_style>;
using Flags = py::array_t<bool, py::array::c_style>;
using Count = py::array_t<std::int64_t>;

// Rows of `size` numbers: one for all, or one for each fit.
Rows rows_of(const Array& array, std::int64_t size) {
    return {array.data(), array.size() == size ? 0 : size};
}
Rows rows_of(const std::optional<Array>& array, std::int64_t size) {
    return array ? rows_of(*array, size) : Rows{nullptr, 0};
}

struct Named {
    std::string name;
    bool offset, slope;
    ModelRows rows() const { return model_named(name).with[offset][slope]; }
};

// Fits and the arrays that they read and write.
struct FitProblem {
    Array x0, lower, upper;
    std::optional<Array> x, y, weights;
    std::optional<Flags> missing;
    Array found, cost, gradient, offset;
    Count nit, nfev, active;
    Array optimality;
    py::array_t<std::uint8_t> ending;
    Fits fits{};

    // x: (variables, m), or (variables, count, m).
    FitProblem(Array starts, std::int64_t m, int variables, std::optional<Array> at,
               std::optional<Array> data, std::optional<Array> weight, std::optional<Flags> mask,
               std::optional<Array> low, std::optional<Array> high, double tol, double maxfun)
        : x0(std::move(starts)),
          lower(low ? *low : filled(-INFINITY)),
          upper(high ? *high : filled(INFINITY)),
          x(std::move(at)),
          y(std::move(data)),
          weights(std::move(weight)),
          missing(std::move(mask)),
          found(shape(x0.shape(1))),
          cost(x0.shape(0)),
          gradient(shape(x0.shape(1))),
          offset(x0.shape(0)),
          nit(x0.shape(0)),
          nfev(x0.shape(0)),
          active(shape(x0.shape(1))),
          optimality(x0.shape(0)),
          ending(x0.shape(0)) {
        const std::int64_t count = x0.shape(0), n = x0.shape(1);
        Rows points{nullptr, 0};
        std::int64_t next_variable = 0;
        if (x) {
            next_variable = x->size() / variables;
            points = {x->data(), next_variable == m ? 0 : m};
        }
        fits = {count,
                static_cast<int>(n),
                tol,
                maxfun,
                {m, points, next_variable, rows_of(y, m), rows_of(weights, m),
                 missing ? reinterpret_cast<const std::uint8_t*>(missing->data()) : nullptr},
                {x0.data(), n},
                rows_of(lower, n),
                rows_of(upper, n),
                found.mutable_data(),
                cost.mutable_data(),
                gradient.mutable_data(),
                offset.mutable_data(),
                nit.mutable_data(),
                nfev.mutable_data(),
                active.mutable_data(),
                optimality.mutable_data(),
                ending.mutable_data()};
        std::copy_n(x0.data(), count * n, found.mutable_data());
    }

    py::dict results() const {
        using namespace py::literals;
        return py::dict("x"_a = found, "cost"_a = cost, "grad"_a = gradient,
                        "relative_offset"_a = offset, "nit"_a = nit, "nfev"_a = nfev,
                        "active_mask"_a = active, "optimality"_a = optimality, "ending"_a = ending);
    }

  private:
    std::array<py::ssize_t, 2> shape(py::ssize_t n) const { return {x0.shape(0), n}; }
    Array filled(double value) const {
        Array array(x0.shape(1));
        std::fill_n(array.mutable_data(), array.size(), value);
        return array;
    }
};

class FunctionBatch {
  public:
    FunctionBatch(const Array& starts, std::int64_t m, std::optional<Array> y,
                  std::optional<Array> weights, std::optional<Flags> missing,
                  std::optional<Array> lower, std::optional<Array> upper, double tol, double maxfun)
        : problem_(starts, m, 0, std::nullopt, std::move(y), std::move(weights), std::move(missing),
                   std::move(lower), std::move(upper), tol, maxfun),
          fits_(problem_.fits) {}

    Count running() const {
        const Busy busy(busy_, "batch");
        const std::vector<std::int64_t>& rows = fits_.running();
        return Count(static_cast<py::ssize_t>(rows.size()), rows.data());
    }
    Array points() const {
        const Busy busy(busy_, "batch");
        const std::vector<std::int64_t>& rows = fits_.running();
        const py::ssize_t n = problem_.fits.n;
        Array result(std::array<py::ssize_t, 2>{static_cast<py::ssize_t>(rows.size()), n});
        for (std::size_t k = 0; k < rows.size(); ++k)
            std::copy_n(problem_.fits.x + rows[k] * n, n,
                        result.mutable_data() + static_cast<py::ssize_t>(k) * n);
        return result;
    }
    void tell(const Array& values, const Array& jacobians) {
        const Busy busy(busy_, "batch");
        const py::gil_scoped_release released;
        fits_.tell(values.data(), jacobians.data());
    }
    py::dict results() const {
        const Busy busy(busy_, "batch");
        return problem_.results();
    }

  private:
    FitProblem problem_;
    FitBatch fits_;
    mutable std::atomic<bool> busy_{false};
};

py::dict models() {
    py::dict result;
    const ModelTable& table = lane_models();
    for (int k = 0; k < table.n_models; ++k) {
        const Model& model = table.models[k];
        result[model.name] =
            py::make_tuple(py::str(model.parameters).attr("split")(), model.with[0][0].variables);
    }
    return result;
}

std::int64_t points_of(const Array& x) { return x.shape(x.ndim() - 1); }

// Of `count` Jacobians: triangles, inverses, least pivots.
struct FactorArrays {
    Array l, inverse, least;
    FactorArrays(py::ssize_t count, py::ssize_t n)
        : l({count, n * (n + 1) / 2}), inverse({count, n, n}), least(count) {}
    Factors factors() { return {l.mutable_data(), inverse.mutable_data(), least.mutable_data()}; }
    py::tuple tuple() const { return py::make_tuple(l, inverse, least); }
};

// Fits between two looks at signals: some 1/30 s on one thread, and no fewer than keep the lanes
// of each thread busy.
std::int64_t fits_between_looks(std::int64_t m) {
    constexpr std::int64_t points = 1 << 20, for_each_thread = 4 * kMostFitLanes;
    return std::max(points / std::max<std::int64_t>(m, 1), for_each_thread * get_num_threads());
}

// progress: called with the number of fits that are done, and of all.
py::tuple fit(const Named& model, const Array& x, const Array& y, const Array& starts,
              std::optional<Array> weights, std::optional<Flags> missing,
              std::optional<Array> lower, std::optional<Array> upper, double tol, double maxfun,
              const std::optional<py::function>& progress) {
    const ModelRows rows = model.rows();
    const std::int64_t count = starts.shape(0), m = points_of(x);
    const FitProblem problem(starts, m, rows.variables, x, y, std::move(weights),
                             std::move(missing), std::move(lower), std::move(upper), tol, maxfun);
    FactorArrays arrays(count, starts.shape(1));
    const Factors to = arrays.factors();
    for (std::int64_t first = 0, end; first < count; first = end) {
        end = std::min(count, first + fits_between_looks(m));
        {
            const py::gil_scoped_release released;
            fit_model(problem.fits, rows, first, end, to);
        }
        if (PyErr_CheckSignals() != 0) throw py::error_already_set();
        if (progress) (*progress)(end, count);
    }
    return py::make_tuple(problem.results(), arrays.tuple());
}

py::tuple evaluate(const Named& model, const Array& x, const Array& parameters) {
    const ModelRows rows = model.rows();
    const py::ssize_t count = parameters.shape(0), n = parameters.shape(1), m = points_of(x);
    const FitProblem problem(parameters, m, rows.variables, x, {}, {}, {}, {}, {}, 0.0, 0.0);
    Array values({count, m}), jacobians({count, m, n});
    {
        const py::gil_scoped_release released;
        evaluate_model(problem.fits, rows, values.mutable_data(), jacobians.mutable_data());
    }
    return py::make_tuple(values, jacobians);
}

// Of Jacobians (count, m, n).
py::tuple factors(const Array& jacobians, std::optional<Array> weights,
                  std::optional<Flags> missing) {
    Array parameters({jacobians.shape(0), jacobians.shape(2)});
    std::fill_n(parameters.mutable_data(), parameters.size(), 0.0);
    const FitProblem problem(parameters, jacobians.shape(1), 0, {}, {}, std::move(weights),
                             std::move(missing), {}, {}, 0.0, 0.0);
    FactorArrays arrays(jacobians.shape(0), jacobians.shape(2));
    const Factors to = arrays.factors();
    {
        const py::gil_scoped_release released;
        factor_jacobians(problem.fits, jacobians.data(), to);
    }
    return arrays.tuple();
}

// In the lanes, elementwise, in the dtype of x.
py::array in_lanes(void (*const f[])(const char*, std::int64_t, char*), const py::array& x) {
    py::array result(x.dtype(), py::array::ShapeContainer(x.shape(), x.shape() + x.ndim()));
    f[dtype_of(x)](static_cast<const char*>(x.data()), x.size(),
                   static_cast<char*>(result.mutable_data()));
    return result;
}

}  // namespace

void register_fits(py::module_& m) {
    using py::arg;
    m.attr("MOST_PARAMETERS") = kMostParameters;
    m.def("models", models);
    py::class_<Named>(m, "Model")
        .def(py::init([](const std::string& name, bool offset, bool slope) {
                 model_named(name);
                 return Named{name, offset, slope};
             }),
             arg("name"), arg("offset"), arg("slope"))
        .def("fit", fit, arg("x"), arg("y"), arg("starts"), arg("weights"), arg("missing"),
             arg("lower"), arg("upper"), arg("tol"), arg("maxfun"), arg("progress"))
        .def("evaluate", evaluate, arg("x"), arg("parameters"));
    m.def("factors", factors, arg("jacobians"), arg("weights"), arg("missing"));
    py::class_<FunctionBatch>(m, "FitBatch")
        .def(py::init<const Array&, std::int64_t, std::optional<Array>, std::optional<Array>,
                      std::optional<Flags>, std::optional<Array>, std::optional<Array>, double,
                      double>(),
             arg("starts"), arg("m"), arg("y"), arg("weights"), arg("missing"), arg("lower"),
             arg("upper"), arg("tol"), arg("maxfun"))
        .def("running", &FunctionBatch::running)
        .def("points", &FunctionBatch::points)
        .def("tell", &FunctionBatch::tell, arg("values"), arg("jacobians"))
        .def("results", &FunctionBatch::results);
    m.def("exp", [](const py::array& x) { return in_lanes(lane_models().exp, x); }, arg("x"));
    m.def("log", [](const py::array& x) { return in_lanes(lane_models().log, x); }, arg("x"));
}

}  // namespace schuss

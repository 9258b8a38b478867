#include "bindings/methods.hpp"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <utility>

namespace schuss {
namespace {

// In the order of `Request` and of `Option::Kind`.
constexpr const char* kRequests[] = {nullptr,           "value_and_gradient", "hessian",
                                     "hessian_product", "residuals",          "jacobian"};
constexpr const char* kKinds[] = {"tolerance", "positive", "fraction", "count", "limit",
                                  "flag",      "choice",   "matrix",   "bounds"};

}  // namespace

const char* name_of(Request request) { return kRequests[static_cast<int>(request)]; }

py::dict methods_for_python() {
    using namespace py::literals;
    py::dict result;
    for (const Method& method : methods()) {
        py::dict options;
        for (const Option& option : method.options)
            options[py::cast(option.name)] = py::dict(
                "kind"_a = kKinds[static_cast<int>(option.kind)], "default"_a = option.usual,
                "least"_a = option.least, "most"_a = option.most, "choices"_a = option.choices);
        result[py::cast(method.name)] = py::dict(
            "aliases"_a = method.aliases, "needs"_a = name_of(method.needs), "options"_a = options);
    }
    return result;
}

std::vector<std::shared_ptr<const Bounds>> bounds_in(const py::dict& options, DType dtype,
                                                     std::int64_t n) {
    if (!options.contains("bounds") || options["bounds"].is_none()) return {};
    const auto [lower, upper] =
        py::cast<std::pair<py::array_t<double>, py::array_t<double>>>(options["bounds"]);
    const std::int64_t each = std::min<std::int64_t>(lower.size(), n);
    std::vector<std::shared_ptr<const Bounds>> result;
    for (std::int64_t at = 0; at < lower.size(); at += each)
        result.push_back(
            std::make_shared<Bounds>(dtype, each, lower.data() + at, upper.data() + at));
    return result;
}

SolverBatch::Make maker(const std::string& method, std::int64_t n, DType dtype,
                        const py::dict& options) {
    const Method& row = method_named(method);
    Problem problem{n, dtype, {}};
    for (const Option& option : row.options) {
        OptionValue& value = problem.options[option.name] = option.usual;
        if (option.kind == Option::Kind::kBounds || !options.contains(option.name)) continue;
        py::object given = options[py::cast(option.name)];
        if (py::isinstance<py::array>(given)) given = given.attr("ravel")();
        value = py::cast<OptionValue>(given);
    }
    return row.make(problem);
}

}  // namespace schuss

#include "bindings/methods.hpp"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

namespace schuss {
namespace {

constexpr const char* kKinds[] = {"tolerance", "positive", "fraction", "count",
                                  "limit",     "flag",     "choice",   "matrix"};

}  // namespace

const char* name_of(Request request) {
    switch (request) {
        case Request::kNone:
            return nullptr;
        case Request::kHessian:
            return "hessian";
        case Request::kHessianProduct:
            return "hessian_product";
        case Request::kValueAndGradient:
            return "value_and_gradient";
    }
    return nullptr;
}

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

SolverBatch::Make maker(const std::string& method, std::int64_t n, DType dtype,
                        const py::dict& options) {
    const Method& row = method_named(method);
    Problem problem{n, dtype, {}};
    for (const Option& option : row.options) {
        OptionValue& value = problem.options[option.name] = option.usual;
        if (!options.contains(option.name)) continue;
        py::object given = options[py::cast(option.name)];
        if (py::isinstance<py::array>(given)) given = given.attr("ravel")();
        value = py::cast<OptionValue>(given);
    }
    return row.make(problem);
}

}  // namespace schuss

// ISA, threads, build facts and the table of rules.
#include <pybind11/stl.h>

#include "bindings/register.hpp"
#include "bindings/words.hpp"
#include "dispatch/dispatch.hpp"
#include "runtime/parallel.hpp"

namespace schuss {
namespace {

namespace py = pybind11;

py::dict rules() {
    py::dict result;
    for (int k = 0; k < kernels().n_rules; ++k) {
        const Rule& rule = kernels().rules[k];
        py::dict entry;
        entry["hyper"] = words(rule.hyper, ", ");
        entry["slots"] = words(rule.slots, " ");
        entry["sums"] = words(rule.sums, " ");
        result[rule.name] = entry;
    }
    return result;
}

py::dict build_info() {
    py::dict info;
#if defined(__clang__)
    info["compiler"] = "Clang " __clang_version__;
#else
    info["compiler"] = "GCC " __VERSION__;
#endif
    info["openmp"] = has_openmp() ? "yes" : "no";
    info["sanitizers"] = SCHUSS_SANITIZE;
    return info;
}

#if defined(SCHUSS_CANARY)
// Reads one element past an array of n: only in sanitizer builds, to prove that they see it.
double canary(int n) {
    const std::vector<double> values(static_cast<std::size_t>(n), 1.0);
    const volatile double* first = values.data();
    return first[n];
}
#endif

}  // namespace

void register_runtime(py::module_& m) {
    choose_isa();
    init_threads();
    m.def("isa", active_isa);
    m.def("available_isas", available_isas);
    m.def("use_isa", use_isa, py::arg("name"));
    m.def("set_num_threads", set_num_threads, py::arg("n"));
    m.def("get_num_threads", get_num_threads);
    m.def("build_info", build_info);
    m.def("rules", rules);
#if defined(SCHUSS_CANARY)
    m.def("canary", canary, py::arg("n"));
#endif
}

}  // namespace schuss

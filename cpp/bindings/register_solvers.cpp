// Solvers and the line search.
#include <pybind11/stl.h>

#include "bindings/ask_tell.hpp"
#include "bindings/batch.hpp"
#include "bindings/methods.hpp"
#include "bindings/register.hpp"
#include "steps/archive.hpp"
#include "steps/line_search.hpp"

namespace schuss {

void register_solvers(py::module_& m) {
    const auto read = [](auto of) {
        return [of](const AskTell& self) { return (self.solver().*of)(); };
    };
    m.def("methods", methods_for_python);
    m.def("native_array", native_array, py::arg("given"), py::arg("name"));
    m.attr("STATE_FORMAT") = Archive::kFormat;
    m.def("function_value", function_value, py::arg("f"));
    py::class_<AskTell>(m, "Solver")
        .def(py::init<const std::string&, py::handle, const py::dict&>(), py::arg("method"),
             py::arg("x0"), py::arg("options"))
        .def("ask", &AskTell::ask, py::arg("copy") = false)
        .def("tell", &AskTell::tell, py::arg("f"), py::arg("gradient"))
        .def("tell_hessian", &AskTell::tell_hessian, py::arg("hessian"))
        .def("direction", &AskTell::direction, py::arg("writeable") = false)
        .def("tell_product", &AskTell::tell_product, py::arg("product"))
        .def("tell_residuals", &AskTell::tell_residuals, py::arg("residuals"), py::arg("rho"),
             py::arg("observations"))
        .def("tell_jacobian", &AskTell::tell_jacobian, py::arg("jacobian"))
        .def("fitted", &AskTell::fitted)
        .def("stop", &AskTell::stop, py::arg("message"))
        .def("best", &AskTell::best, py::arg("copy") = true)
        .def("history", &AskTell::history)
        .def("matrix", &AskTell::matrix)
        .def("inherit", &AskTell::inherit, py::arg("other"))
        .def("recall", &AskTell::recall, py::arg("steps"), py::arg("changes"))
        .def("result", &AskTell::result, py::arg("copy") = true)
        .def_property_readonly("request", &AskTell::request)
        .def_property_readonly("bounds", &AskTell::bounds)
        .def_property_readonly("done", read(&Solver::done))
        .def_property_readonly("size", read(&Solver::size))
        .def_property_readonly("gtol",
                               [](const AskTell& self) { return self.solver().limits().gtol; })
        .def_property_readonly("nit", read(&Solver::iterations))
        .def_property_readonly("nfev", read(&Solver::evaluations))
        .def_property_readonly(
            "status", [](const AskTell& self) { return static_cast<int>(self.solver().status()); })
        .def_property_readonly("message", &AskTell::message)
        .def(py::pickle([](const AskTell& self) { return self.state(); }, &AskTell::from_state));

    py::class_<Batch>(m, "Batch")
        .def(py::init<const std::string&, const py::array&, const py::dict&>(), py::arg("method"),
             py::arg("starts"), py::arg("options"))
        .def("running", &Batch::running)
        .def("points", &Batch::points)
        .def("tell", &Batch::tell, py::arg("values"), py::arg("gradients"), py::arg("hessians"))
        .def("results", &Batch::results);

    using Search = LineSearch;
    py::class_<Search>(m, "LineSearch")
        .def(py::init([](double value, double slope, double first_step, double noise, double c1,
                         double c2, double max_step, int max_evaluations, int patience) {
                 return Search({c1, c2, max_evaluations, max_step, patience}, value, slope,
                               first_step, value + noise, noise);
             }),
             py::kw_only(), py::arg("value"), py::arg("slope"), py::arg("first_step"),
             py::arg("noise"), py::arg("c1"), py::arg("c2"), py::arg("max_step"),
             py::arg("max_evaluations"), py::arg("patience") = Search::Settings{}.patience)
        .def(
            "tell",
            [](Search& self, double value, double slope) {
                constexpr const char* kNames[] = {"continue", "accept", "imperfect", "unbounded",
                                                  "no_decrease"};
                return kNames[static_cast<int>(self.tell(value, slope))];
            },
            py::arg("value"), py::arg("slope"))
        .def_property_readonly("step", &Search::step)
        .def_property_readonly("best", [](const Search& self) {
            const Search::Point& p = self.best();
            return py::make_tuple(p.step, p.value, p.slope);
        });
}

}  // namespace schuss

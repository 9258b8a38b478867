#include "bindings/register.hpp"

PYBIND11_MODULE(_core, m) {
    m.doc() = "The compiled core of schuss. Private: use the names of the schuss package.";
    schuss::register_runtime(m);
    schuss::register_stepper(m);
    schuss::register_torch(m);
    schuss::register_solvers(m);
    schuss::register_linalg(m);
    schuss::register_fits(m);
}

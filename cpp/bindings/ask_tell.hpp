// A solver as Python drives it: structures of arrays go in and out, the solver sees one flat
// vector.
#pragma once
#include <pybind11/pybind11.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "bindings/arrays.hpp"
#include "bindings/structure.hpp"
#include "solvers/solver.hpp"

namespace schuss {

// A real number, or an array with one element, as a double; TypeError or ValueError for others.
double function_value(py::handle value);

class AskTell {
  public:
    AskTell(const std::string& method, py::handle x0, const py::dict& options);

    // Read-only, and an array that is kept stays as it is; or a copy, which is the caller's.
    py::object ask(bool copy) const;
    void tell(py::handle value, py::handle gradient);
    void tell_hessian(py::handle hessian);
    py::object direction(bool writeable) const;  // what the Hessian is to be multiplied by
    void tell_product(py::handle product);
    // Residuals of any shape, as many each time; rho: (3, m), the values of a robust loss and its
    // two derivatives, or None. Their Jacobian is m x n.
    void tell_residuals(py::handle residuals, py::handle rho, std::int64_t observations);
    void tell_jacobian(py::handle jacobian);
    void stop(const std::string& message);
    // The best point, its gradient, its value: copies, or the solver's own vectors, which it may
    // only give away when it is done and not asked again.
    py::tuple best(bool copy) const;
    py::object history() const;    // Solver::pairs as (S, Y), a pair a row, or None
    py::object matrix() const;     // Solver::matrix, or None
    py::object fitted() const;     // Solver::fitted as a dict, or None
    void inherit(AskTell& other);  // Solver::inherit
    void recall(const py::array& s, const py::array& y);  // Solver::recall, a pair a row
    // All that is known of the run at one moment, by name. second_order: Hessians or products told,
    // the smallest curvature, whether a minimum, the shift.
    py::dict result(bool copy) const;
    const char* request() const;
    py::object bounds() const;  // as in the options
    std::string message() const;

    const Solver& solver() const { return *solver_; }
    py::tuple state() const;
    static std::unique_ptr<AskTell> from_state(const py::tuple& state);

  private:
    struct Leaf {
        std::vector<std::int64_t> shape;
        std::int64_t begin, count;
    };

    template <class Make>
    py::object assemble(const Make& make) const;
    py::object tree(const VectorPtr& vector, bool copy, bool writeable = true) const;
    py::object matrix_now() const;
    void check_request(Request told, const char* name) const;
    // n elements of dtype(), from any tree like x0; where they lie until the next call.
    const char* vector_from(py::handle tree, const char* name);
    const char* no_gradient();
    void gather_tree(py::handle tree, const char* name, char* to);

    std::string method_;
    py::dict options_;
    Structure structure_;
    std::vector<Leaf> leaves_;
    std::int64_t size_ = 0;
    DType dtype_ = kFloat32;
    std::unique_ptr<Solver> solver_;
    std::unique_ptr<Vector> gathered_;  // a gradient that is not one array of our dtype
    mutable std::atomic<bool> busy_{false};
};

}  // namespace schuss

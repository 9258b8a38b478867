#include "bindings/ask_tell.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "bindings/foreign.hpp"
#include "bindings/methods.hpp"

namespace schuss {
double function_value(py::handle value) {
    if (PyFloat_Check(value.ptr())) return PyFloat_AS_DOUBLE(value.ptr());  // NumPy's float64 too
    py::object number = py::reinterpret_borrow<py::object>(value);
    if (!is_array(number.ptr())) {
        if (py::hasattr(number, "item")) {  // of a tensor, which need not become an array
            try {
                number = number.attr("item")();
            } catch (const py::error_already_set& error) {
                if (!error.matches(PyExc_Exception)) throw;
                number = native_array(number, "f");
            }
        } else if (!PyNumber_Check(number.ptr())) {
            number = native_array(number, "f");
        }
    }
    if (is_array(number.ptr())) {
        if (py::cast<py::ssize_t>(number.attr("size")) != 1)
            refuse_shape(number.ptr(), "f",
                         "one number is wanted. The user-provided objective function "
                         "must return a scalar value.");  // SciPy's words
        number = number.attr("item")();
    }
    const bool complex = PyComplex_Check(number.ptr());
    const double result = complex ? -1.0 : PyFloat_AsDouble(number.ptr());
    if (complex || (result == -1.0 && PyErr_Occurred())) {
        PyErr_Clear();
        throw py::type_error(std::string("f is of type ") + Py_TYPE(value.ptr())->tp_name +
                             "; a real number is wanted");
    }
    return result;
}

AskTell::AskTell(const std::string& method, py::handle x0, const py::dict& options)
    : method_(method), options_(options), structure_(x0, "x0", "x0") {
    std::vector<py::object> arrays;
    structure_.collect(x0, "x0", arrays);
    for (std::size_t k = 0; k < arrays.size(); ++k) {
        PyObject* array = arrays[k].ptr();
        const View view = view_of(array, check_grad(array, label("x0", structure_.paths()[k])));
        dtype_ = std::max(dtype_, kCompute[static_cast<int>(view.type)]);
        leaves_.push_back({view.shape, size_, view.count()});
        size_ += view.count();
    }
    if (size_ == 0) throw py::value_error("x0 has no elements; at least one is wanted");
    const Vector start(size_, dtype_, 1);
    gather_tree(x0, "x0", start.data());
    const auto bounds = bounds_in(options, dtype_, size_);
    solver_ = maker(method, size_, dtype_, options)(
        {size_, dtype_, start.data(), bounds.empty() ? nullptr : bounds.front()});
}

// All leaves after each other in C order, converted to our dtype.
void AskTell::gather_tree(py::handle tree, const char* name, char* to) {
    std::vector<py::object> arrays;
    structure_.collect(tree, name, arrays);
    view_foreign(arrays, name, structure_.paths());
    for (py::object& leaf : arrays)
        if (is_array(leaf.ptr()) || PyNumber_Check(leaf.ptr())) leaf = native_array(leaf, name);
    std::vector<View> views;
    for (std::size_t k = 0; k < leaves_.size(); ++k) {
        PyObject* array = arrays[k].ptr();
        const std::string title = label(name, structure_.paths()[k]);
        views.push_back(view_of(array, check_grad(array, title)));
        if (views[k].shape != leaves_[k].shape)
            refuse_shape(array, title, text_of(leaves_[k].shape) + " is wanted, as in x0");
    }
    for (std::size_t k = 0; k < leaves_.size(); ++k) {
        collapse(views[k]);
        char* first = to + leaves_[k].begin * size_of(dtype_);
        gather(views[k], 0, leaves_[k].count, dtype_, first);
    }
}

// A tree like x0 of what make gives for each leaf, in order.
template <class Make>
py::object AskTell::assemble(const Make& make) const {
    if (structure_.is_leaf()) return make(leaves_[0]);
    py::list arrays;
    for (const Leaf& leaf : leaves_) arrays.append(make(leaf));
    return structure_.unflatten(arrays);
}

// Copies, or views that keep the vector alive.
py::object AskTell::tree(const VectorPtr& vector, bool copy, bool writeable) const {
    py::object owner;  // without one NumPy copies
    if (!copy)
        owner =
            py::capsule(new VectorPtr(vector), [](void* p) { delete static_cast<VectorPtr*>(p); });
    return assemble([&](const Leaf& leaf) {
        py::array array(numpy_dtype(dtype_), leaf.shape,
                        vector->data() + leaf.begin * size_of(dtype_), owner);
        if (!copy && !writeable)
            fields(array.ptr())->flags &= ~py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
        return array;
    });
}

py::object AskTell::ask(bool copy) const {
    const Busy busy(busy_);
    if (solver_->done()) throw std::runtime_error("the solver is done: " + solver_->message());
    return tree(solver_->point(), copy, false);
}

const char* AskTell::request() const { return name_of(solver_->request()); }

py::object AskTell::bounds() const {
    return options_.contains("bounds") ? py::object(options_["bounds"]) : py::none();
}

void AskTell::check_request(Request told, const char* name) const {
    if (solver_->done()) throw std::runtime_error("the solver is done: " + solver_->message());
    if (solver_->request() != told)
        throw std::runtime_error(std::string("no ") + name + " is asked for; request is \"" +
                                 request() + "\"");
}

const char* AskTell::vector_from(py::handle tree, const char* name) {
    py::object g = py::reinterpret_borrow<py::object>(tree);
    const bool alone = structure_.is_leaf() && !PyDict_Check(g.ptr());
    if (alone) g = native_array(g, name);
    if (alone && size_ == 1 && py::cast<py::ssize_t>(g.attr("size")) == 1)
        g = g.attr("reshape")(py::cast(leaves_[0].shape));
    if (alone) {
        const View array = view_of(g.ptr(), check_grad(g.ptr(), name));
        const Operand whole = operand(array, c_order(array.shape.size()), dtype_);
        // Whoever gave it holds it for the time of the call.
        if (whole.direct && shape_of(g.ptr()) == leaves_[0].shape && g.is(tree))
            return whole.view.data;
    }
    if (!gathered_) gathered_ = std::make_unique<Vector>(size_, dtype_, 6);
    gather_tree(g, name, gathered_->data());
    return gathered_->data();
}

// In place of a gradient that nobody looks at.
const char* AskTell::no_gradient() {
    if (!gathered_) gathered_ = std::make_unique<Vector>(size_, dtype_, 6);
    const std::vector<double> nan(static_cast<std::size_t>(size_), NAN);
    copy_from_doubles(nan.data(), size_, dtype_, gathered_->data());
    return gathered_->data();
}

void AskTell::tell(py::handle value, py::handle gradient) {
    const Busy busy(busy_);
    check_request(Request::kValueAndGradient, "value");
    const double f = function_value(value);
    const char* data = std::isfinite(f) ? vector_from(gradient, "gradient") : no_gradient();
    without_gil_if(size_ >= kLongSolve, [&] { solver_->tell(f, data); });
}

namespace {

constexpr int kPlain =
    py::array::c_style | py::array::forcecast | py::detail::npy_api::constants::NPY_ARRAY_ALIGNED_;
using Doubles = py::array_t<double, kPlain>;

// An array of reals as contiguous doubles.
Doubles doubles_of(py::handle given, const char* name) {
    const py::object array = native_array(py::reinterpret_borrow<py::object>(given), name);
    check_grad(array.ptr(), name);
    const Doubles result = Doubles::ensure(array);
    if (!result) throw py::error_already_set();
    return result;
}

void check_shape(const Doubles& array, const char* name, const std::vector<std::int64_t>& wanted) {
    if (shape_of(array.ptr()) != wanted)
        refuse_shape(array.ptr(), name, text_of(wanted) + " is wanted");
}

}  // namespace

void AskTell::tell_hessian(py::handle hessian) {
    const Busy busy(busy_);
    check_request(Request::kHessian, "Hessian");
    Doubles square = doubles_of(hessian, "hessian");
    if (size_ == 1 && square.size() == 1) square = square.reshape({1, 1});
    check_shape(square, "hessian", {size_, size_});
    const double* h = square.data();
    try {
        without_gil_if(size_ * size_ >= kLongSolve, [&] { solver_->tell_hessian({h}); });
    } catch (const std::invalid_argument& fault) {
        throw py::value_error(std::string("hessian ") + fault.what() +
                              "; a finite and symmetric one is wanted");
    }
}

void AskTell::tell_residuals(py::handle residuals, py::handle rho, std::int64_t observations) {
    const Busy busy(busy_);
    check_request(Request::kResiduals, "residual");
    const Doubles values = doubles_of(residuals, "residuals");
    const std::int64_t m = values.size(), known = solver_->residual_count();
    if (m == 0) throw py::value_error("residuals has no elements; at least one is wanted");
    if (known != 0 && m != known)
        throw py::value_error("residuals has " + std::to_string(m) + " elements; " +
                              std::to_string(known) + " are wanted, as at the first point");
    Doubles of_loss;
    if (!rho.is_none()) {
        of_loss = doubles_of(rho, "rho");
        check_shape(of_loss, "rho", {3, m});
    }
    const double* of_rho = rho.is_none() ? nullptr : of_loss.data();
    const Residuals told{values.data(), m, observations, of_rho};
    without_gil_if(m >= kLongSolve, [&] { solver_->tell_residuals(told); });
}

void AskTell::tell_jacobian(py::handle jacobian) {
    const Busy busy(busy_);
    check_request(Request::kJacobian, "Jacobian");
    const Doubles j = doubles_of(jacobian, "jacobian");
    const std::int64_t m = solver_->residual_count();
    check_shape(j, "jacobian", {m, size_});
    const double* data = j.data();
    without_gil_if(m * size_ >= kLongSolve, [&] { solver_->tell_jacobian(data); });
}

py::object AskTell::fitted() const {
    using namespace py::literals;
    const Busy busy(busy_);
    const std::optional<Fitted> found = solver_->fitted();
    if (!found) return py::none();
    const auto array = [](const std::vector<double>& values, std::vector<py::ssize_t> shape) {
        py::array_t<double> result(std::move(shape));
        std::copy(values.begin(), values.end(), result.mutable_data());
        return result;
    };
    const auto m = static_cast<py::ssize_t>(found->residuals.size());
    const bool known = !found->jacobian.empty();
    return py::dict(
        "residuals"_a = array(found->residuals, {m}),
        "jacobian"_a = known ? py::object(array(found->jacobian, {m, size_})) : py::none(),
        "scale"_a = array(found->scale, {py::ssize_t{size_}}), "offset"_a = found->offset,
        "observations"_a = found->observations);
}

py::object AskTell::direction(bool writeable) const {
    const Busy busy(busy_);
    check_request(Request::kHessianProduct, "product");
    const auto vector = std::make_shared<Vector>(size_, dtype_, 0);
    copy_from_doubles(solver_->direction(), size_, dtype_, vector->data());
    return tree(vector, false, writeable);
}

void AskTell::tell_product(py::handle product) {
    const Busy busy(busy_);
    check_request(Request::kHessianProduct, "product");
    std::vector<double> doubles(static_cast<std::size_t>(size_));
    copy_as_doubles(dtype_, vector_from(product, "product"), size_, doubles.data());
    for (const double value : doubles)
        if (!std::isfinite(value))
            throw py::value_error(
                "product has elements that are not finite; finite ones are wanted");
    solver_->tell_product(doubles.data());
}

void AskTell::stop(const std::string& message) {
    const Busy busy(busy_);
    solver_->stop(message);
}

py::tuple AskTell::best(bool copy) const {
    const Busy busy(busy_);
    const Solver::Best best = solver_->best();
    return py::make_tuple(tree(best.x, copy), tree(best.gradient, copy), best.value);
}

py::dict AskTell::result(bool copy) const {
    using namespace py::literals;
    const Busy busy(busy_);
    const Solver::Best best = solver_->best();
    const Solver::SecondOrder known = solver_->second_order();
    return py::dict(
        "x"_a = tree(best.x, copy), "jac"_a = tree(best.gradient, copy), "fun"_a = best.value,
        "nit"_a = solver_->iterations(), "nfev"_a = solver_->evaluations(),
        "status"_a = static_cast<int>(solver_->status()),
        "message"_a = solver_->done() ? solver_->message() : "still running",
        "matrix"_a = matrix_now(),
        "second_order"_a =
            py::make_tuple(known.hessians, known.curvature, known.minimum, known.shift));
}

std::string AskTell::message() const {
    const Busy busy(busy_);
    return solver_->message();
}

py::object AskTell::history() const {
    const Busy busy(busy_);
    const std::optional<Solver::Pairs> pairs = solver_->pairs();
    if (!pairs) return py::none();
    const auto rows = [&](const std::vector<const char*>& from) {
        const auto bytes = static_cast<std::size_t>(size_ * size_of(pairs->dtype));
        py::array result(numpy_dtype(pairs->dtype),
                         {static_cast<py::ssize_t>(from.size()), py::ssize_t{size_}});
        char* to = static_cast<char*>(result.mutable_data());
        for (std::size_t k = 0; k < from.size(); ++k) std::memcpy(to + k * bytes, from[k], bytes);
        return result;
    };
    return py::make_tuple(rows(pairs->s), rows(pairs->y));
}

void AskTell::inherit(AskTell& other) {
    const Busy busy(busy_), others(other.busy_);
    solver_->inherit(*other.solver_);
}

void AskTell::recall(const py::array& s, const py::array& y) {
    const Busy busy(busy_);
    Solver::Pairs pairs{dtype_, {}, {}};
    std::vector<py::array> kept;
    const auto rows_of = [&](const py::array& given, const char* name) {
        const py::array rows =
            py::array::ensure(given.attr("astype")(numpy_dtype(dtype_), py::arg("order") = "C"));
        kept.push_back(rows);
        if (rows.ndim() != 2 || rows.shape(1) != size_)
            refuse_shape(rows.ptr(), name, "(pairs, " + std::to_string(size_) + ") is wanted");
        std::vector<const char*> pointers;
        for (py::ssize_t k = 0; k < rows.shape(0); ++k)
            pointers.push_back(static_cast<const char*>(rows.data(k, 0)));
        return pointers;
    };
    pairs.s = rows_of(s, "steps");
    pairs.y = rows_of(y, "changes");
    if (pairs.s.size() != pairs.y.size())
        throw py::value_error("steps has " + std::to_string(pairs.s.size()) + " rows and changes " +
                              std::to_string(pairs.y.size()) + "; as many are wanted");
    solver_->recall(pairs);
}

py::object AskTell::matrix() const {
    const Busy busy(busy_);
    return matrix_now();
}

py::object AskTell::matrix_now() const {
    const Elements element = solver_->matrix();
    if (!element) return py::none();
    py::array_t<double> result({py::ssize_t{size_}, py::ssize_t{size_}});
    auto cells = result.mutable_unchecked<2>();
    for (std::int64_t i = 0; i < size_; ++i)
        for (std::int64_t j = 0; j < size_; ++j) cells(i, j) = element(i, j);
    return result;
}

py::tuple AskTell::state() const {
    const Busy busy(busy_);
    Archive archive(method_);
    solver_->visit(archive);
    archive.end();
    return py::make_tuple(method_, tree(solver_->best().x, true), options_,
                          py::bytes(archive.bytes()));
}

std::unique_ptr<AskTell> AskTell::from_state(const py::tuple& state) {
    if (state.size() != 4)
        throw py::value_error("the state has " + std::to_string(state.size()) +
                              " parts; 4 are wanted");
    const auto method = py::cast<std::string>(state[0]);
    Archive archive(method, py::cast<std::string>(state[3]));
    auto result = std::make_unique<AskTell>(method, state[1], py::cast<py::dict>(state[2]));
    result->solver_->visit(archive);
    archive.end();
    return result;
}

}  // namespace schuss

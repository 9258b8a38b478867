#include "solvers/registry.hpp"

#include <cmath>
#include <stdexcept>
#include <utility>

#include "solvers/bfgs.hpp"
#include "solvers/lbfgs.hpp"
#include "solvers/least_squares.hpp"
#include "solvers/newton.hpp"
#include "solvers/newton_cg.hpp"
#include "solvers/search_newton.hpp"
#include "solvers/sr1.hpp"
#include "solvers/steepest.hpp"

namespace schuss {
namespace {

using Kind = Option::Kind;
using Options = std::vector<Option>;

// The largest |g| that counts as zero, where nobody says.
constexpr double kGtol[kDTypes] = {1e-3, 1e-5};

constexpr std::int64_t kMostWhole = (std::int64_t{1} << 31) - 1;

const Option kGradient{"gtol", Kind::kTolerance}, kDecrease{"ftol", Kind::kTolerance, 0.0},
    kSteps{"maxiter", Kind::kLimit, std::int64_t{15000}, 0},  // 0: x0 is evaluated
    kEvaluations{"maxfun", Kind::kLimit, std::int64_t{15000}},
    kDamping{"damping", Kind::kFlag, false}, kBox{"bounds", Kind::kBounds};

// With which tests a run ends; and what a line search may be told.
const Options kEnds{kGradient, kDecrease, kSteps, kEvaluations},
    kEndsOfNewton{kGradient, kSteps, kEvaluations},
    kSearch{{"maxls", Kind::kCount, std::int64_t{20}, 1, kMostWhole},
            {"c1", Kind::kFraction, 1e-4},
            {"c2", Kind::kFraction, 0.9}};

// One of the choices; usual: {} for none of them.
Option choice(const char* name, OptionValue usual, std::vector<std::string> choices) {
    return {name, Kind::kChoice, std::move(usual), 0, 0, std::move(choices)};
}

Options operator+(Options options, const Options& more) {
    options.insert(options.end(), more.begin(), more.end());
    return options;
}

Limits limits_of(const Problem& problem) {
    return {problem.given("gtol") ? problem.real("gtol") : kGtol[problem.dtype],
            problem.options.contains("ftol") ? problem.real("ftol") : 0.0, problem.whole("maxiter"),
            problem.whole("maxfun")};
}

// The solvers of a class that is made of a start, limits and so on.
template <class S, class... More>
SolverBatch::Make maker(const Problem& problem, More... more) {
    return [limits = limits_of(problem), more...](const Start& from) {
        return std::make_unique<S>(from, limits, more...);
    };
}

// Line searches along -H g, with H as curvature(from) makes it, and pairs of such a dtype.
template <class F>
SolverBatch::Make descent(const Problem& problem, DType pairs, F curvature) {
    DescentSettings settings{};
    settings.search.c1 = problem.real("c1");
    settings.search.c2 = problem.real("c2");
    settings.search.max_evaluations = static_cast<int>(problem.whole("maxls"));
    settings.damping = problem.options.contains("damping") && problem.get<bool>("damping");
    return [=, limits = limits_of(problem)](const Start& from) {
        return std::make_unique<Descent>(from, limits, pairs, settings, curvature(from));
    };
}

SolverBatch::Make lbfgs(const Problem& problem) {
    DType pairs = problem.dtype;
    if (problem.given("history_dtype"))
        pairs = problem.get<std::string>("history_dtype") == "float32" ? kFloat32 : kFloat64;
    const int most = static_cast<int>(problem.whole("history_size"));
    return descent(problem, pairs, [=](const Start& from) {
        return std::make_unique<PairHistory>(from.n, pairs, most, from.bounds != nullptr);
    });
}

SolverBatch::Make bfgs(const Problem& problem) {
    std::vector<double> inverse;
    if (problem.given("hess_inv0")) inverse = problem.get<std::vector<double>>("hess_inv0");
    const auto order = std::llround(std::sqrt(inverse.size()));  // Python has looked at its shape
    const auto shape = [](std::int64_t k) {
        return "(" + std::to_string(k) + ", " + std::to_string(k) + ")";
    };
    if (!inverse.empty() && order != problem.n)
        throw std::invalid_argument("hess_inv0 has shape " + shape(order) + "; " +
                                    shape(problem.n) + " is wanted");
    return descent(problem, kFloat64, [inverse](const Start& from) {
        return std::make_unique<DenseInverse>(from.n, inverse);
    });
}

SolverBatch::Make gradient_descent(const Problem& problem) {
    return descent(problem, problem.dtype, [](const Start& from) {
        return std::make_unique<Steepest>(from.n, from.dtype);
    });
}

SolverBatch::Make newton(const Problem& problem) {
    const auto& globalization = problem.get<std::string>("globalization");
    if (globalization == "trust_region") return maker<RegionNewton>(problem);
    if (globalization == "line_search") return maker<SearchNewton>(problem);
    return maker<PlainNewton>(problem, problem.real("learning_rate"));
}

SolverBatch::Make least_squares(const Problem& problem) {
    const Limits limits{problem.real("tol"), 0.0, kNoLimit, problem.whole("maxfun")};
    return [limits, scale = problem.real("f_scale")](const Start& from) {
        return std::make_unique<LeastSquares>(from, limits, scale);
    };
}

}  // namespace

double Problem::real(const std::string& option) const {
    const OptionValue& value = options.at(option);
    if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
    return std::get<double>(value);
}

std::int64_t Problem::whole(const std::string& option) const {
    return given(option) ? get<std::int64_t>(option) : kNoLimit;
}

const std::vector<Method>& methods() {
    static const std::vector<Method> rows{
        {"lbfgs",
         {"l-bfgs", "l-bfgs-b"},
         Request::kValueAndGradient,
         Options{{"history_size", Kind::kCount, std::int64_t{10}, 1, 1000}} + kEnds + kSearch +
             Options{kBox, kDamping, choice("history_dtype", {}, {"float32", "float64"})},
         lbfgs},
        {"bfgs",
         {},
         Request::kValueAndGradient,
         kEnds + kSearch + Options{kBox, kDamping, {"hess_inv0", Kind::kMatrix}},
         bfgs},
        {"sr1", {}, Request::kValueAndGradient, kEnds + Options{kBox}, maker<SR1>},
        {"newton",
         {"dogleg", "trust-exact"},
         Request::kHessian,
         kEndsOfNewton + Options{choice("globalization", "trust_region",
                                        {"trust_region", "line_search", "none"}),
                                 {"learning_rate", Kind::kPositive, 1.0},
                                 kBox},
         newton},
        {"newton_cg",
         {"newton-cg", "trust-krylov", "trust-ncg"},
         Request::kHessianProduct,
         kEndsOfNewton + Options{kBox},
         maker<NewtonCG>},
        {"gradient_descent",
         {},
         Request::kValueAndGradient,
         kEnds + kSearch + Options{kBox},
         gradient_descent},
        {"least_squares",
         {},
         Request::kJacobian,
         {{"tol", Kind::kTolerance, 1e-8},
          kEvaluations,
          choice("loss", "linear", {"linear", "soft_l1", "huber", "cauchy", "arctan"}),
          {"f_scale", Kind::kPositive, 1.0},
          kBox},
         least_squares},
    };
    return rows;
}

const Method& method_named(const std::string& name) {
    for (const Method& method : methods())
        if (method.name == name) return method;
    throw std::invalid_argument("method is '" + name + "', which is unknown");
}

}  // namespace schuss

// THE list of methods. A row says what a method is called, which options it has, what it asks for,
// and how a solver is made; Python's checks and defaults come from it.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "solvers/batch.hpp"

namespace schuss {

// std::monostate is Python's None; a matrix is its rows one after the other.
using OptionValue =
    std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<double>>;

constexpr std::int64_t kNoLimit = std::int64_t{1} << 62;

struct Option {
    enum class Kind {
        kTolerance,  // at least 0; none: by the dtype
        kPositive,   // above 0
        kFraction,   // above 0 and below 1
        kCount,      // a whole number from least to most
        kLimit,      // the same; none: without limit
        kFlag,
        kChoice,  // one of the choices, or none where that is the usual one
        kMatrix,  // n x n, symmetric and positive definite, or none
        kBounds,  // or none; a solver gets them with its start
    };
    std::string name;
    Kind kind;
    OptionValue usual{};
    std::int64_t least = 1, most = kNoLimit;  // of whole numbers
    std::vector<std::string> choices{};
};

// What a method is given to make a solver of.
struct Problem {
    std::int64_t n;
    DType dtype;  // of the iterates
    std::map<std::string, OptionValue> options;

    double real(const std::string& option) const;
    std::int64_t whole(const std::string& option) const;  // none: without limit
    template <class T>
    const T& get(const std::string& option) const {
        return std::get<T>(options.at(option));
    }
    bool given(const std::string& option) const {
        return !std::holds_alternative<std::monostate>(options.at(option));
    }
};

struct Method {
    std::string name;
    std::vector<std::string> aliases;  // that others give it, in small letters
    Request needs;                     // beside values and gradients, if it is not these
    std::vector<Option> options;
    SolverBatch::Make (*make)(const Problem& problem);
};

const std::vector<Method>& methods();
// std::invalid_argument where there is none.
const Method& method_named(const std::string& name);

}  // namespace schuss

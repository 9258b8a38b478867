#include "solvers/run.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace schuss {
namespace {

// All steps together, before x comes to where its dtype ends.
constexpr double kLongest[kDTypes] = {2e38, 1e308};

// Rounding errors of f that make two values equal: a sum of many terms carries more than one.
constexpr double kNoise[kDTypes] = {16.0, 4096.0};

constexpr int kSingle = 24, kShort = 16;  // bits of float32, and of numbers that may be round

// Significant bits of a number: 1 for powers of two, at most 53.
int bits_of(double value) {
    const auto mantissa = std::bit_cast<std::uint64_t>(value) & ((1ull << 52) - 1);
    return mantissa == 0 ? 1 : 53 - std::countr_zero(mantissa);
}

}  // namespace

void Run::Bits::see(double number) {
    const int bits = bits_of(number);
    single = single || bits > kShort;
    twice = twice || bits > kSingle;
}

// f and g may have been computed in float32, whatever they arrive in: then all of them fit into it,
// and not because they are round.
void Run::see(double value, const char* gradient) {
    if (dtype == kFloat32) return;
    if (!values_.twice && std::isfinite(value)) values_.see(value);
    for (std::int64_t i = 0; i < n && !slopes_.twice; ++i) {
        double slope;  // a gradient lies where its owner has it, aligned or not
        std::memcpy(&slope, gradient + i * size_of(kFloat64), sizeof slope);
        if (std::isfinite(slope)) slopes_.see(slope);
    }
}

DType Run::precision() const {
    return dtype == kFloat32 || values_.coarse() || slopes_.coarse() ? kFloat32 : kFloat64;
}

double Run::epsilon() const {
    return precision() == kFloat32 ? std::numeric_limits<float>::epsilon()
                                   : std::numeric_limits<double>::epsilon();
}

double Run::noise() const { return kNoise[precision()] * epsilon() * std::abs(lowest); }

bool Run::beyond(double length) const { return travelled + length > kLongest[dtype]; }

void Run::visit(Archive& archive) {
    archive(value, largest, lowest, travelled, iterations, evaluations, first_value, first_slope,
            first_size, first_length, values_, slopes_);
}

}  // namespace schuss

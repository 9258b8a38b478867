// A point that is better than the one taken last, until that changes.
#pragma once
#include <memory>

#include "steps/archive.hpp"

namespace schuss {

class BestPoint {
  public:
    BestPoint(std::int64_t n, DType dtype) : n_(n), dtype_(dtype) {}

    bool known() const { return x_ != nullptr; }
    const VectorPtr& x() const { return x_; }
    const VectorPtr& gradient() const { return gradient_; }
    double value() const { return value_; }

    // x by reference: whoever writes next takes another vector.
    void keep(const VectorPtr& x, double value, const char* gradient) {
        x_ = x;
        value_ = value;
        if (!gradient_) gradient_ = std::make_shared<Vector>(n_, dtype_, 4);
        gradient_->set(gradient);
    }
    void forget() { x_.reset(); }

    void visit(Archive& archive) {
        bool is_known = known();
        archive(is_known);
        if (!is_known) return;
        if (archive.reading()) {
            x_ = std::make_shared<Vector>(n_, dtype_, 5);
            gradient_ = std::make_shared<Vector>(n_, dtype_, 4);
        }
        archive(*x_, *gradient_, value_);
    }

  private:
    std::int64_t n_;
    DType dtype_;
    VectorPtr x_, gradient_;
    double value_ = 0.0;
};

}  // namespace schuss

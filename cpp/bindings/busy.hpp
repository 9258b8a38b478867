// Letting go of the GIL, and one call at a time into an object that does.
#pragma once
#include <pybind11/pybind11.h>

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace schuss {

// Elements whose work takes about 20 microseconds, worth letting other Python threads run: a step
// reads each once, a solver a few vectors or a matrix of them.
constexpr std::int64_t kLongStep = 65536, kLongSolve = 16384;

template <class Work>
auto without_gil_if(bool worth, const Work& work) {
    if (!worth) return work();
    const pybind11::gil_scoped_release released;
    return work();
}

class Busy {
  public:
    struct Flag {
        const char* what;  // the object is
        std::atomic<bool> up{false};
    };
    explicit Busy(Flag& flag) : flag_(flag) {
        if (flag.up.exchange(true))
            throw std::runtime_error(std::string("this ") + flag.what +
                                     " is at work in another thread, or was when this process "
                                     "forked");
    }
    ~Busy() { flag_.up = false; }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

  private:
    Flag& flag_;
};

}  // namespace schuss

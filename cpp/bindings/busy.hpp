// One call at a time into an object that lets go of the GIL.
#pragma once
#include <atomic>
#include <stdexcept>
#include <string>

namespace schuss {

class Busy {
  public:
    Busy(std::atomic<bool>& flag, const char* what) : flag_(flag) {
        if (flag.exchange(true))
            throw std::runtime_error(std::string("this ") + what +
                                     " is at work in another thread, or was when this process "
                                     "forked");
    }
    ~Busy() { flag_ = false; }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

  private:
    std::atomic<bool>& flag_;
};

}  // namespace schuss

// Memory, the only place that asks the system for it: aligned blocks, and scratch space that a
// thread keeps.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>

namespace schuss {

// Bytes of a cache line, of a page and of a large one, as x86-64 and most of aarch64 have them.
constexpr std::int64_t kLine = 64, kPage = 4096, kHugePage = 1 << 21;

// Aligned to a line of the cache, from a page on to a page, from a huge page on to that, which the
// system is then asked for; less than 8 lines only as malloc does, which takes half the memory of
// 10 doubles.
class Block {
  public:
    enum class Holds { kZeros, kAnything };  // zero pages stay untouched until they are written
    explicit Block(std::int64_t size, Holds holds = Holds::kZeros);  // throws std::bad_alloc
    char* base() const { return base_; }

  private:
    struct Free {
        void operator()(char* memory) const { std::free(memory); }
    };
    std::unique_ptr<char, Free> memory_;
    char* base_;
};

// Memory for the time of one call, at least at a line: a huge page that the thread keeps, where
// that is enough and free. Pages that are new each time cost a fifth of a Cholesky factorization
// at n = 256.
class Scratch {
  public:
    explicit Scratch(std::int64_t bytes);
    ~Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    char* get() const;

  private:
    std::optional<Block> own_;  // none where the thread's is used
};

}  // namespace schuss

// A solver's state as bytes and back: each class lists its members once, for both ways.
#pragma once
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "solvers/vectors.hpp"

namespace schuss {

class Archive {
  public:
    Archive() = default;  // to be written
    explicit Archive(std::string bytes) : reading_(true), bytes_(std::move(bytes)) {}

    bool reading() const { return reading_; }
    const std::string& bytes() const { return bytes_; }
    bool at_end() const { return at_ == bytes_.size(); }

    template <class... Members>
    void operator()(Members&... members) {
        (member(members), ...);
    }

    void raw(void* data, std::size_t size) {
        if (size == 0) return;  // data may be null
        if (!reading_) {
            bytes_.append(static_cast<const char*>(data), size);
            return;
        }
        if (size > bytes_.size() - at_) throw std::invalid_argument("the state is too short");
        std::memcpy(data, bytes_.data() + at_, size);
        at_ += size;
    }

  private:
    template <class T>
    void member(T& value)
        requires std::is_trivially_copyable_v<T>
    {
        raw(&value, sizeof value);
    }
    template <class T>
    void member(std::vector<T>& values)
        requires std::is_trivially_copyable_v<T>
    {
        std::size_t size = values.size();
        raw(&size, sizeof size);
        if (size > (reading_ ? bytes_.size() : size))
            throw std::invalid_argument("the state is damaged");
        values.resize(size);
        raw(values.data(), size * sizeof(T));
    }
    void member(std::string& text) {
        std::vector<char> characters(text.begin(), text.end());
        member(characters);
        text.assign(characters.begin(), characters.end());
    }
    void member(Vector& vector) { raw(vector.data(), static_cast<std::size_t>(vector.bytes())); }

    bool reading_ = false;
    std::string bytes_;
    std::size_t at_ = 0;
};

}  // namespace schuss

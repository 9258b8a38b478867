// A solver's state as bytes and back: each class lists its members once, for both ways. First comes
// a title that says what the bytes are, last a sum over the sizes of all that was listed.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "steps/vectors.hpp"

namespace schuss {

class Archive {
  public:
    static constexpr int kFormat = 5;  // one more when a member changes what it means

    // To be written.
    explicit Archive(const std::string& method) : bytes_(title(method) + "\n") {}

    // To be read: bytes of this format, byte order and method, or an error that says of which.
    Archive(const std::string& method, std::string bytes)
        : reading_(true), bytes_(std::move(bytes)) {
        const std::string wanted = title(method), found = bytes_.substr(0, bytes_.find('\n'));
        if (found != wanted)
            throw std::invalid_argument(
                "the state is " + (found.starts_with(kMagic) ? found : "of something else") + "; " +
                wanted + " is wanted: finish the run with the schuss that saved it");
        at_ = found.size() + 1;
    }

    bool reading() const { return reading_; }
    const std::string& bytes() const { return bytes_; }

    // After the last member.
    void end() {
        const std::uint64_t listed = sizes_;
        std::uint64_t sum = listed;
        raw(&sum, sizeof sum);
        if (sum != listed || (reading_ && at_ != bytes_.size()))
            throw std::invalid_argument(
                "the state has other members than this schuss lists: finish the run with the one "
                "that saved it");
    }

    template <class... Members>
    void operator()(Members&... members) {
        (member(members), ...);
    }

    // What was read must make sense to its owner.
    static void require(bool sound) {
        if (!sound) throw std::invalid_argument("the state is damaged");
    }

    void raw(void* data, std::size_t size) {
        sizes_ = sizes_ * 1099511628211u ^ size;  // as in FNV-1
        if (size == 0) return;                    // data may be null
        if (!reading_) {
            bytes_.append(static_cast<const char*>(data), size);
            return;
        }
        if (size > bytes_.size() - at_) throw std::invalid_argument("the state is too short");
        std::memcpy(data, bytes_.data() + at_, size);
        at_ += size;
    }

  private:
    static constexpr const char* kMagic = "a schuss solver's, ";

    static std::string title(const std::string& method) {
        return kMagic + method + ", format " + std::to_string(kFormat) + ", " +
               (std::endian::native == std::endian::little ? "little" : "big") + "-endian";
    }

    // No structs as they are: bytes between members have no value.
    template <class T>
    static constexpr bool kNumber = std::is_arithmetic_v<T> || std::is_enum_v<T>;

    template <class T>
    void member(T& value) {
        if constexpr (kNumber<T>)
            raw(&value, sizeof value);
        else
            value.visit(*this);
    }
    template <class T>
    void member(std::vector<T>& values)
        requires kNumber<T>
    {
        std::size_t size = values.size();
        raw(&size, sizeof size);
        require(!reading_ || size <= bytes_.size());
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
    std::uint64_t sizes_ = 0;
};

}  // namespace schuss

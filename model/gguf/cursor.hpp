#pragma once

/// Reads what a GGUF file has in front of its tensors, and never a byte behind its end.

#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "model/load_error.hpp"

namespace chromatin::model::gguf {

class cursor {
 public:
  cursor(std::span<const std::byte> bytes, std::string where) : all_{bytes}, rest_{bytes}, where_{std::move(where)} {}

  const std::string& where() const { return where_; }
  std::size_t place() const { return all_.size() - rest_.size(); }
  std::size_t left() const { return rest_.size(); }

  [[noreturn]] void refuse(std::string_view what) const { throw load_error(fmt::format("{}: {}", where_, what)); }

  /// The next bytes; `what` they are, for errors.
  std::span<const std::byte> take(std::uint64_t bytes, std::string_view what) {
    if (bytes > rest_.size())
      refuse(fmt::format("{} needs {} bytes, and the file has {} more; is the download complete?", what, bytes,
                         rest_.size()));
    auto taken = rest_.first(bytes);
    rest_ = rest_.subspan(bytes);
    return taken;
  }
  template <class T>
  T number(std::string_view what) {
    T result;
    std::memcpy(&result, take(sizeof result, what).data(), sizeof result);
    return result;
  }
  std::string_view text(std::uint64_t bytes_max, std::string_view what) {
    auto size = number<std::uint64_t>(what);
    if (size > bytes_max && size <= rest_.size())
      refuse(fmt::format("{} has {} bytes, more than the {} that are allowed", what, size, bytes_max));
    auto taken = take(size, what);
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }
  /// How many there are of something that takes so many bytes at least.
  std::uint64_t count(std::uint64_t bytes_min, std::uint64_t max, std::string_view what) {
    auto n = number<std::uint64_t>(what);
    if (n > max || n > rest_.size() / bytes_min)
      refuse(fmt::format("{} is {}, which the file has no room for", what, n));
    return n;
  }
  std::span<const std::byte> since(std::size_t place) const { return all_.subspan(place, this->place() - place); }

 private:
  std::span<const std::byte> all_, rest_;
  std::string where_;
};

}  // namespace chromatin::model::gguf

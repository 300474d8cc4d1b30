#pragma once

/// The texts of many tenants on their way to one who turns them into tokens, one after the other: the registry. A
/// tenant has few bytes on their way at a time; what is beyond that waits here, so that others' texts come in between.
/// Bookkeeping without an actor.

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <string>

namespace chromatin {

class text_line {
 public:
  /// Of one tenant at one time. A text that is bigger goes alone.
  static constexpr std::size_t under_way_bytes_max = 64u << 10;

  /// Calls `start` when the text may go: at once, or in a later call of `arrived`. It must not throw.
  void send(const std::string& tenant, std::size_t bytes, std::function<void()> start);
  /// A text that was started has been dealt with.
  void arrived(const std::string& tenant, std::size_t bytes);

  std::size_t waiting() const { return waiting_; }

 private:
  struct text {
    std::size_t bytes = 0;
    std::function<void()> start;
  };
  struct line {
    std::size_t under_way_bytes = 0, under_way = 0;
    std::deque<text> waiting;

    bool has_room(std::size_t bytes) const { return under_way == 0 || under_way_bytes + bytes <= under_way_bytes_max; }
  };

  std::map<std::string, line> lines_;  ///< of tenants with a text under way
  std::size_t waiting_ = 0;
};

}  // namespace chromatin

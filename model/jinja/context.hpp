#pragma once

/// What bounds a run, and what it was given. Every value that a run makes is made here and counts as long as it lives.

#include <cstdint>
#include <optional>

#include "model/jinja/value.hpp"

namespace chromatin::model::jinja {

struct limits {
  std::uint64_t steps = 20'000'000;                ///< nodes evaluated, and 64 bytes copied each
  std::uint64_t bytes = std::uint64_t{128} << 20;  ///< of values and text that live at once
};

/// Of one run. Outlives every value made in it.
class context {
 public:
  context(const limits& most, std::optional<std::int64_t> now_s)
      : steps_{most.steps}, bytes_{most.bytes}, now_s_{now_s} {}
  context(const context&) = delete;
  context& operator=(const context&) = delete;

  value make(text of);
  value make(std::string of) { return make(text{std::move(of)}); }
  value make(std::vector<value> items, bool tuple = false) { return make(list{std::move(items), tuple}); }
  value make(list of);
  value make(std::vector<std::pair<text, value>> entries);
  /// A namespace. It is emptied when the context goes: namespaces can hold each other in circles.
  value make_namespace(std::vector<std::pair<text, value>> entries);

  /// Counts work; throws a fault when there was too much.
  void work(std::uint64_t steps) {
    if (steps > steps_) too_long();
    steps_ -= steps;
  }
  /// Counts memory that `give_back` takes off again.
  void take(std::uint64_t bytes) {
    if (bytes > bytes_) too_big();
    work(bytes / 64);
    bytes_ -= bytes;
  }
  void give_back(std::uint64_t bytes) { bytes_ += bytes; }
  /// Counts memory that is needed for a moment only.
  void pass(std::uint64_t bytes) {
    take(bytes);
    give_back(bytes);
  }
  /// Seconds since 1970, UTC; empty if the run was not told.
  std::optional<std::int64_t> now_s() const { return now_s_; }
  /// Drops what namespaces hold; before any other value of the run goes.
  void clear();

 private:
  [[noreturn]] static void too_long();
  [[noreturn]] static void too_big();

  std::uint64_t steps_, bytes_;
  std::optional<std::int64_t> now_s_;
  std::vector<dict_ptr> namespaces_;
};

/// Text that grows, and counts while it does.
class growing_text {
 public:
  explicit growing_text(context& in) : in_{in} {}
  growing_text(const growing_text&) = delete;
  growing_text& operator=(const growing_text&) = delete;
  ~growing_text() { in_.give_back(taken_); }

  void append(const text& more) {
    count(more.size() + more.runs().size() * sizeof(text::run));
    made_.append(more);
  }
  text take() { return std::move(made_); }

 private:
  void count(std::uint64_t bytes) {
    in_.take(bytes);
    taken_ += bytes;
  }

  context& in_;
  text made_;
  std::uint64_t taken_ = 0;
};

}  // namespace chromatin::model::jinja

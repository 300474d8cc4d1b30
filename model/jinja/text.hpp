#pragma once

/// Text that knows where it comes from: the template's own bytes and what somebody said stay apart, whatever a template
/// does with them. Pure values.

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace chromatin::model::jinja {

/// Whose bytes they are: 0 is the template's own, everything else is what the caller called it.
using source = std::uint32_t;
inline constexpr source of_template = 0;
inline constexpr std::size_t whole = std::numeric_limits<std::size_t>::max();

/// Bytes, and the runs of one source that they consist of. Positions are in bytes.
class text {
 public:
  struct run {
    std::size_t size;
    source from;
    bool operator==(const run&) const = default;
  };

  text() = default;
  explicit text(std::string bytes, source from = of_template);

  const std::string& bytes() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  /// In order; their sizes add up to the text's. Neighbours differ in source.
  const std::vector<run>& runs() const { return runs_; }

  void append(std::string_view bytes, source from = of_template);
  void append(const text& other, std::size_t at = 0, std::size_t count = whole);
  text part(std::size_t at, std::size_t count = whole) const;
  /// The same sources, with what `change` makes of the bytes of each run.
  template <class Change>
  text mapped(Change change) const {
    text result;
    std::size_t at = 0;
    for (const auto& [size, from] : runs_) {
      result.append(change(std::string_view{bytes_}.substr(at, size)), from);
      at += size;
    }
    return result;
  }
  /// What to call bytes that were made of all of it: its own if all is, else the last other source.
  source summary() const;

 private:
  std::string bytes_;
  std::vector<run> runs_;
};

}  // namespace chromatin::model::jinja

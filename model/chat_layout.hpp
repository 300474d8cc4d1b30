#pragma once

/// A rendered conversation with where each message's content stands in it.

#include <optional>
#include <utility>
#include <vector>

#include "model/chat_template.hpp"

namespace chromatin::model {

struct chat_template::layout {
  layout(jinja::text rendered, std::size_t messages, const chat_tokens& with)
      : text{std::move(rendered)}, segments{with.segments(text)}, contents_(messages) {
    std::size_t at = 0;
    for (const auto& [size, from] : text.runs()) {
      if (from != jinja::of_template && from <= messages) {
        auto& seen = contents_[from - 1];
        seen = {seen ? seen->first : at, at + size};
      }
      at += size;
    }
  }

  using range = std::pair<std::size_t, std::size_t>;
  /// From the first byte of a message's content to the last; empty if the template put out none of it.
  std::optional<range> content(std::size_t message) const { return contents_[message]; }

  /// `end`, or the end of the last control token that lies between.
  std::size_t behind_last_control(std::size_t begin, std::size_t end) const {
    auto result = end;
    for (const auto& s : segments)
      if (s.control && s.begin >= begin && s.end <= end) result = s.end;
    return result;
  }
  /// The end of the last of these tokens that lies between; `begin` if there is none.
  std::size_t behind_last(const std::vector<kv::token_id>& any_of, std::size_t begin, std::size_t end) const;

  jinja::text text;
  std::vector<chat_segment> segments;
  std::vector<std::size_t> ends;  ///< where each message ends

 private:
  std::vector<std::optional<range>> contents_;
};

}  // namespace chromatin::model

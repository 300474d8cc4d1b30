#include <algorithm>
#include <array>
#include <charconv>
#include <unordered_map>

#include "sim/trace.hpp"
#include "sim/trace_lines.hpp"

namespace chromatin::sim {
namespace {

constexpr std::uint64_t window_tokens = 2048;
constexpr std::uint64_t tokens = kv::tokens_per_chunk;

class interactive_trace final : public trace {
 public:
  std::string_view kind() const override { return "interactive"; }
  const std::vector<request>& requests() const override { return requests_; }
  void reusable(std::size_t i, std::vector<block>& chain) const override { cut(i, history_[i], chain); }
  void kept(std::size_t i, std::vector<block>& chain) const override {
    cut(i, std::uint64_t{requests_[i].prompt_tokens} + requests_[i].answer_tokens, chain);
  }

  /// A part of a trace may begin in the middle of a conversation: what was before is not known then, nor reused. False
  /// if the round is not later than the one before, or the conversation too long.
  bool add(request r, std::uint32_t query_tokens, std::int64_t round) {
    auto& known = users_[r.conversation];
    if (round <= known.round) return false;
    known.round = round;
    history_.push_back(known.history_tokens);
    r.prompt_tokens = static_cast<std::uint32_t>(known.history_tokens + query_tokens);
    known.history_tokens += query_tokens + r.answer_tokens;
    requests_.push_back(r);
    return known.history_tokens <= tokens_max;
  }

 private:
  struct user {
    std::int64_t round = -1;
    std::uint64_t history_tokens = 0;
  };

  /// The chunks that the window shows when the conversation has `end` tokens.
  void cut(std::size_t i, std::uint64_t end, std::vector<block>& chain) const {
    chain.clear();
    auto begin = end - std::min(end, window_tokens);
    for (auto chunk = begin / tokens; chunk * tokens < end; ++chunk) {
      auto from = chunk * tokens, to = std::min(from + tokens, end);
      chain.push_back({key_of(requests_[i].conversation, chunk), static_cast<std::uint32_t>(to - from),
                       static_cast<std::uint32_t>(to - std::max(from, begin))});
    }
  }

  std::vector<request> requests_;
  std::vector<std::uint64_t> history_;  ///< tokens before each request
  std::unordered_map<std::uint64_t, user> users_;
};

/// Exactly five whole numbers.
std::array<std::int64_t, 5> numbers(std::string_view line, const trace_lines& lines) {
  std::array<std::int64_t, 5> values{};
  const char *at = line.data(), *end = at + line.size();
  auto skip = [&] {
    while (at != end && (*at == ' ' || *at == '\t')) ++at;
  };
  for (auto& value : values) {
    skip();
    auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc{} || value < 0 || (next != end && *next != ' ' && *next != '\t'))
      lines.fail("has not the five whole numbers user, seconds, query tokens, response tokens, round");
    at = next;
  }
  skip();
  if (at != end) lines.fail("has more than the five numbers user, seconds, query tokens, response tokens, round");
  return values;
}

}  // namespace

bool looks_like_interactive(std::string_view text) { return text.starts_with("user_id"); }

std::unique_ptr<trace> parse_interactive(std::string_view text, const std::string& name) {
  auto result = std::make_unique<interactive_trace>();
  trace_lines lines{text, name};
  std::string_view line;
  lines.next(line);  // the heading
  while (lines.next(line)) {
    auto [user, seconds, query, response, round] = numbers(line, lines);
    if (seconds > seconds_max || query > tokens_max || response > tokens_max)
      lines.fail("has a number that cannot be: at most " + std::to_string(seconds_max) + " seconds and " +
                 std::to_string(tokens_max) + " tokens");
    lines.must_follow(seconds, "time");
    request r{.at_us = seconds * 1'000'000,
              .conversation = static_cast<std::uint64_t>(user) + 1,
              .answer_tokens = static_cast<std::uint32_t>(response)};
    if (!result->add(r, static_cast<std::uint32_t>(query), round))
      lines.fail("round " + std::to_string(round) + " of user " + std::to_string(user) +
                 " is not later than the one before it, or its conversation has more than " +
                 std::to_string(tokens_max) + " tokens");
  }
  return result;
}

}  // namespace chromatin::sim

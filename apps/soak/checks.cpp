#include "apps/soak/checks.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "io/store_folder.hpp"

namespace chromatin::soak {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t sanitizer_bytes = 4ull << 30;  ///< what it keeps of memory that was freed, and its own
#else
constexpr std::uint64_t sanitizer_bytes = 0;
#endif
constexpr std::uint64_t rest_bytes = (400u << 20) + sanitizer_bytes;  ///< the model, the code, buffers
constexpr std::chrono::milliseconds wait_max = std::chrono::seconds{300};

/// Of these counters of a server at rest.
constexpr std::array nothing_of{"turns_waiting", "turns_running",   "turns_with_pages", "loads_under_way",
                                "saves_waiting", "saves_under_way", "chunks_under_way", "turns_leased"};

bool same(const model::message& a, const model::message& b) { return a.role == b.role && a.content == b.content; }

std::string shortened(const std::string& text) { return text.size() < 60 ? text : text.substr(0, 57) + "…"; }

}  // namespace

std::string check_answer(const std::string& conversation, const std::string& expected, const std::string& got) {
  if (expected == got) return {};
  auto at = std::ranges::mismatch(expected, got).in1 - expected.begin();
  return fmt::format("{}: another answer than without faults, from byte {} on: \"{}\" instead of \"{}\"", conversation,
                     at, shortened(got), shortened(expected));
}

std::string check_transcript(const std::string& conversation, const message_list& acknowledged,
                             const message_list& found) {
  auto [a, b] = std::ranges::mismatch(acknowledged, found, same);
  if (a != acknowledged.end())
    return fmt::format("{}: message {} of {} that were acknowledged is {}", conversation, a - acknowledged.begin(),
                       acknowledged.size(), b == found.end() ? "lost" : "another");
  if (b != found.end()) return fmt::format("{}: {} messages that nobody was told of", conversation, found.end() - b);
  return {};
}

fate fate_of(const message_list& acknowledged, const std::string& question, const message_list& found) {
  if (check_transcript({}, acknowledged, found).empty()) return fate::without_trace;
  auto n = acknowledged.size();
  bool stored = found.size() == n + 2 && std::equal(acknowledged.begin(), acknowledged.end(), found.begin(), same) &&
                same(found[n], {"user", question}) && found[n + 1].role == "assistant";
  return stored ? fate::stored : fate::wrong;
}

std::string check_stranger(const turn_statistics& seen) {
  for (const auto& h : seen.hits)
    if (h.tokens > 0)
      return fmt::format("a tenant's first turn found {} tokens of another tenant's in the {} tier", h.tokens, h.tier);
  return {};
}

std::string check_names(const std::vector<std::string>& own, const conversation_list& found) {
  for (const auto& info : found)
    if (std::ranges::find(own, info.id) == own.end())
      return fmt::format("a tenant sees the conversation {}, which is not its own", info.id);
  return {};
}

std::string check_memory(std::uint64_t resident_bytes, std::uint64_t arenas_bytes) {
  if (resident_bytes <= arenas_bytes + rest_bytes) return {};
  return fmt::format("the server has {} MiB of memory, with arenas of {} MiB", resident_bytes >> 20,
                     arenas_bytes >> 20);
}

std::string check_waiting(std::chrono::milliseconds longest) {
  return longest <= wait_max ? std::string{} : fmt::format("a call was not answered for {} s", longest.count() / 1000);
}

std::string check_rest(const std::vector<counters>& parts) {
  std::string wrong;
  for (const auto& part : parts)
    for (const auto& [name, value] : part.values)
      if (value != 0 && std::ranges::find(nothing_of, std::string_view{name}) != nothing_of.end())
        wrong += fmt::format("{}{} {} of the {}", wrong.empty() ? "at rest there are " : ", ", value, name, part.part);
  return wrong;
}

std::string check_files(const std::vector<std::string>& names) {
  for (const auto& name : names) {
    bool segment = name.starts_with("segment-") && name.ends_with(".kv");
    bool database = name.starts_with("registry.sqlite") || name.starts_with("catalog.sqlite");
    if (name.ends_with(".damaged")) return name + ": was put aside as damaged";
    if (!segment && !database && name != "lock" && !name.starts_with(io::device_algorithms_file))
      return name + ": does not belong into the server's folder";
  }
  return {};
}

}  // namespace chromatin::soak

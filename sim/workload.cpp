#include "sim/workload.hpp"

#include <algorithm>
#include <fstream>
#include <unordered_map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chromatin::sim {
namespace {

std::vector<keyed_number> keys_of(conversation_statistics& s) {
  return {
      {"conversations.count", &s.count, 1, 1e7},
      {"conversations.per_s", &s.per_s, 1e-6, 1e6},
      {"conversations.turns_mean", &s.turns_mean, 1, 1e4},
      {"conversations.several_turns", &s.several_turns, 0, 1},
      {"conversations.over_2k", &s.over_2k, 1e-3, 0.999},
      {"conversations.over_4k", &s.over_4k, 1e-3, 0.999},
      {"conversations.tokens_max", &s.tokens_max, 16, 1e8, false},
      {"conversations.correlation", &s.correlation, 0, 1, false},
      {"conversations.answer_share", &s.answer_share, 0, 1, false},
      {"conversations.think_s", &s.think_s, 0, 1e7},
      {"conversations.warm_up_turns", &s.warm_up_turns, 0, 1e9, false},
  };
}

std::vector<keyed_number> keys_of(dialogue_settings& s) {
  return {
      {"conversations.count", &s.count, 0, 1e7, false},
      {"conversations.per_s", &s.per_s, 1e-6, 1e6, false},
      {"conversations.think_s", &s.think_s, 0, 1e7, false},
      {"conversations.bytes_per_token", &s.bytes_per_token, 0.1, 1e3, false},
      {"conversations.answer_tokens", &s.answer_tokens, 1, 1e6, false},
      {"conversations.warm_up_turns", &s.warm_up_turns, 0, 1e9, false},
  };
}

/// By the first line: a trace's lines have no messages.
bool holds_dialogues(const std::filesystem::path& file) {
  std::ifstream in{file};
  std::string line;
  while (std::getline(in, line) && line.find_first_not_of(" \t\r") == std::string::npos) {
  }
  auto first = nlohmann::json::parse(line, nullptr, false);
  return first.is_object() && first.contains("messages");
}

workload read_dialogues(const std::filesystem::path& file, std::uint64_t seed, const changes& with) {
  dialogue_settings s;
  make_changes(keys_of(s), with);
  std::ifstream in{file};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  return make_dialogues(text, file.filename().string(), s, seed);
}

}  // namespace

std::size_t workload::turns() const {
  std::size_t sum = 0;
  for (const auto& c : conversations) sum += c.turns.size();
  return sum;
}

std::uint64_t workload::tokens_max() const {
  std::uint64_t most = 0;
  for (const auto& c : conversations) {
    std::uint64_t sum = 0;
    for (const auto& t : c.turns) {
      sum = (t.blocks.empty() ? sum : 0) + t.said_tokens + t.answer_tokens;
      most = std::max(most, sum);
    }
  }
  return most;
}

workload workload_of(const trace& requests, const std::string& name) {
  workload w{.title = fmt::format("{} ({})", name, requests.kind())};
  w.has_blocks = requests.block_tokens() > 0;
  if (w.has_blocks) w.block_tokens = requests.block_tokens();
  std::unordered_map<std::uint64_t, std::pair<std::size_t, std::uint64_t>> known;  // conversation: place, tokens
  std::vector<block> chain;
  for (std::size_t i = 0; i < requests.requests().size(); ++i) {
    const auto& r = requests.requests()[i];
    scripted_turn turn{.due_us = r.at_us, .answer_tokens = std::max(r.answer_tokens, 1u)};
    if (w.has_blocks) {  // whoever asks, its prompt is told: nobody waits for an answer
      turn.said_tokens = r.prompt_tokens;
      requests.kept(i, chain);
      for (const auto& b : chain) turn.blocks.push_back(b.key.low);
      w.conversations.push_back({r.conversation, {std::move(turn)}});
      continue;
    }
    auto [at, fresh] = known.try_emplace(r.conversation, w.conversations.size(), 0);
    if (fresh) w.conversations.push_back({r.conversation, {}});
    auto& [place, tokens] = at->second;
    turn.said_tokens = static_cast<std::uint32_t>(r.prompt_tokens - std::min<std::uint64_t>(tokens, r.prompt_tokens));
    tokens = std::uint64_t{r.prompt_tokens} + r.answer_tokens;
    w.conversations[place].turns.push_back(std::move(turn));
  }
  return w;
}

workload read_workload(const std::filesystem::path& file, std::uint64_t seed, const changes& with) {
  if (file.extension() != ".toml") {
    if (holds_dialogues(file)) return read_dialogues(file, seed, with);
    return workload_of(*read_trace(file), file.filename().string());
  }
  conversation_statistics s;
  auto name = read_keys(file, keys_of(s), with);
  if (s.over_4k >= s.over_2k)
    throw std::runtime_error(
        fmt::format("{}: conversations.over_4k {} must be less than over_2k {}", file.string(), s.over_4k, s.over_2k));
  if (s.turns_mean < 1 + s.several_turns)
    throw std::runtime_error(
        fmt::format("{}: conversations.turns_mean {} must be at least 1 + several_turns {}: those have two or more",
                    file.string(), s.turns_mean, s.several_turns));
  auto made = make_conversations(s, seed);
  made.title = name;
  return made;
}

std::vector<std::string> workload_keys(const std::filesystem::path& file) {
  conversation_statistics statistics;
  dialogue_settings dialogues;
  if (file.extension() == ".toml") return names_of(keys_of(statistics));
  return holds_dialogues(file) ? names_of(keys_of(dialogues)) : std::vector<std::string>{};
}

void choose_blocks(workload& w, std::uint32_t tokens) {
  if (tokens < kv::tokens_per_chunk || tokens % kv::tokens_per_chunk != 0)
    throw std::runtime_error(fmt::format("--block-tokens {}: must be a multiple of {}", tokens, kv::tokens_per_chunk));
  if (w.has_blocks && tokens != w.block_tokens)
    throw std::runtime_error(
        fmt::format("--block-tokens {}: this trace is known by blocks of {}", tokens, w.block_tokens));
  w.block_tokens = tokens;
}

}  // namespace chromatin::sim

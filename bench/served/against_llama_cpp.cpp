// Conversations in turn over four places, beside llama.cpp's server: the same checkpoint, the same requests, in one
// run.

#include <array>
#include <functional>
#include <memory>

#include <fmt/format.h>

#include "bench/checkpoints.hpp"
#include "bench/llama_cpp.hpp"
#include "bench/measure.hpp"
#include "bench/served/chat.hpp"
#include "bench/served/llama_server.hpp"
#include "bench/served/own_server.hpp"
#include "bench/served/parts.hpp"
#include "gpu/cpu/cpu_backend.hpp"
#include "io/temporary_folder.hpp"

namespace chromatin::bench {
namespace {

constexpr std::uint32_t slots = 4, slot_tokens = 2048, against_answer_tokens = 8;
constexpr std::uint32_t history_min = 400, history_max = 900;
constexpr std::uint32_t long_message = 50;  ///< tokens, of a user who explains; the bundled ones have a dozen
const std::string peer_shape = "tinyllama-1.1b";

/// One of the two, which can be stopped and started again.
struct side {
  std::function<std::string()> start;  ///< stops what ran before; the address of what runs now
  std::string address;
  std::vector<message_list> messages;  ///< of each conversation, with this side's own answers
};

/// What the user says next; several messages in one until they have so many tokens.
model::message said_next(message_source& source, const model::checkpoint& checkpoint, std::uint32_t tokens) {
  auto said = source.next("user");
  while (checkpoint.tokenizer->encode(said.content).size() < tokens) said.content += ' ' + source.next("user").content;
  return said;
}

/// Two people who take turns until their messages have so many tokens; the last one is the user's.
message_list history_of(message_source& source, const model::checkpoint& checkpoint, std::uint32_t tokens) {
  message_list messages{source.next("user")};
  for (std::size_t sum = checkpoint.tokenizer->encode(messages.back().content).size(); sum < tokens;)
    for (const char* role : {"assistant", "user"}) {
      messages.push_back(source.next(role));
      sum += checkpoint.tokenizer->encode(messages.back().content).size();
    }
  return messages;
}

struct phase_result {
  std::array<std::vector<double>, 2> first_ms;
  std::array<std::uint64_t, 2> prompt_tokens{}, cached_tokens{};
};

/// One turn of each conversation, which ends in a user's message, on both sides; who is first changes.
phase_result play(std::array<side, 2>& sides, std::uint32_t count) {
  phase_result result;
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t which : {i % 2, 1 - i % 2}) {
      auto& s = sides[which];
      // A connection each: what is kept open, and for how long, is not what is compared.
      auto answer = chat_client{s.address}.say(s.messages[i], against_answer_tokens);
      s.messages[i].push_back({"assistant", answer.text});
      result.first_ms[which].push_back(1e3 * answer.first_s);
      result.prompt_tokens[which] += answer.prompt_tokens;
      result.cached_tokens[which] += answer.cached_tokens;
    }
  return result;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (auto v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

void show(served_report& report, const std::string& name, const phase_result& r, double asked) {
  auto theirs = mean(r.first_ms[0]), ours = mean(r.first_ms[1]), ratio = theirs / ours;
  auto turns = r.first_ms[0].size();
  auto computed = [&](std::size_t which) { return (r.prompt_tokens[which] - r.cached_tokens[which]) / turns; };
  report.line(fmt::format("{:<44} {:>7.0f} ms {:>5} {:>9.0f} ms {:>5} {:>8.2f}x (at least {:g}{})", name, theirs,
                          computed(0), ours, computed(1), ratio, asked, ratio < asked ? ": not met" : ""));
  report.json["against llama.cpp"].push_back({{"name", name},
                                              {"theirs_ms", r.first_ms[0]},
                                              {"ours_ms", r.first_ms[1]},
                                              {"theirs_computed", computed(0)},
                                              {"ours_computed", computed(1)},
                                              {"prompt_tokens", r.prompt_tokens[1] / turns},
                                              {"ratio", ratio},
                                              {"at least", asked}});
}

/// Both sides have room for four conversations where they compute, and keep the others as they do by themselves.
void measure(served_report& report, const served_flags& flags, const llama_cpp& peer, const std::string& converted,
             const model::checkpoint& checkpoint, const std::filesystem::path& model, std::uint32_t count) {
  io::temporary_folder folder{flags.work};
  auto chunk_bytes = checkpoint.config.cache_geometry(gpu::best_compute_type()).chunk_bytes();
  std::vector<std::string> options{"--model",      model.string(),
                                   "--threads",    std::to_string(flags.threads),
                                   "--context",    std::to_string(slot_tokens),
                                   "--batch",      std::to_string(slots),
                                   "--device-mem", std::to_string(kv::chunks_for(slots * slot_tokens) * chunk_bytes),
                                   "--host-mem",   "1G",
                                   "--disk-size",  "2G",
                                   "--disk",       folder.path() / "store"};
  std::unique_ptr<llama_server> theirs;
  std::unique_ptr<own_server> ours;
  std::array<side, 2> sides;
  sides[0].start = [&] {
    theirs.reset();
    theirs = std::make_unique<llama_server>(
        peer, converted, llama_serving{.threads = flags.threads, .slots = slots, .slot_tokens = slot_tokens},
        folder.path() / "llama-server.log");
    return theirs->http();
  };
  sides[1].start = [&] {
    ours.reset();
    ours = std::make_unique<own_server>(folder.path(), options);
    return ours->http();
  };
  auto conversations = read_conversations("sgd-sample.jsonl");
  std::vector<message_source> sources;
  for (std::uint32_t i = 0; i < count; ++i) {
    sources.emplace_back(conversations, i * conversations.size() / count);
    auto tokens = history_min + i * (history_max - history_min) / (count - 1);
    auto history = history_of(sources.back(), checkpoint, tokens);
    for (auto& s : sides) s.messages.push_back(history);
  }
  auto everybody_says = [&](std::uint32_t tokens) {
    for (std::uint32_t i = 0; i < count; ++i) {
      auto said = said_next(sources[i], checkpoint, tokens);
      for (auto& s : sides) s.messages[i].push_back(said);
    }
    return play(sides, count);
  };
  auto name = [&](const std::string& phase) { return fmt::format("{} conversations, {}", count, phase); };
  auto explains = fmt::format("a message of {}", long_message);
  for (auto& s : sides) s.address = s.start();
  show(report, name("cold"), play(sides, count), 3.5);
  show(report, name("warm, " + explains), everybody_says(long_message), 3.5);
  show(report, name("warm, a short message"), everybody_says(1), 3.5);
  for (auto& s : sides) s.address = s.start();
  show(report, name("restarted, " + explains), everybody_says(long_message), 20);
}

}  // namespace

void against_llama_cpp(served_report& report, const served_flags& flags) {
  if (flags.llama_cpp.empty()) return report.line("\nBeside llama.cpp's server: left out, it needs --llama-cpp");
  llama_cpp peer{flags.llama_cpp};
  auto model = checkpoint_of(peer_shape, flags.work, flags.embedded);
  auto converted = peer.convert(model);
  auto checkpoint = model::checkpoint::open(model);
  report.json["llama_cpp"] = peer.version();
  report.line(
      fmt::format("\nBeside llama.cpp's server {}: {}, {} to {} tokens of history, {} places of {} tokens, mean time "
                  "to first token",
                  peer.version(), peer_shape, history_min, history_max, slots, slot_tokens));
  report.line(fmt::format("{:<44} {:>16} {:>18}", "time, and tokens that were computed", "llama-server", "chromatin"));
  for (std::uint32_t count : {8u, 16u}) measure(report, flags, peer, converted, *checkpoint, model, count);
}

}  // namespace chromatin::bench

// Clients that resend all messages: how much of their prompts is reused, and whether they are answered as over RPC.

#include <functional>

#include <fmt/format.h>

#include "bench/served/chat.hpp"
#include "bench/served/own_server.hpp"
#include "bench/served/parts.hpp"
#include "io/temporary_folder.hpp"
#include "rpc/client.hpp"

namespace chromatin::bench {
namespace {

constexpr std::uint32_t reuse_answer_tokens = 32, sittings_joined = 3;

/// The next turn of each, so that every one is away while all others talk; or one after the other.
enum class order : std::uint8_t { in_turn, singly };

void each_turn(const std::vector<user_turns>& all, order how,
               const std::function<void(std::size_t, std::size_t)>& say) {
  if (how == order::singly) {
    for (std::size_t who = 0; who < all.size(); ++who)
      for (std::size_t turn = 0; turn < all[who].size(); ++turn) say(who, turn);
    return;
  }
  for (std::size_t turn = 0, said = 1; said > 0; ++turn) {
    said = 0;
    for (std::size_t who = 0; who < all.size(); ++who)
      if (turn < all[who].size()) say(who, turn), ++said;
  }
}

struct played {
  std::uint64_t prompt_tokens = 0, reused_tokens = 0;
  std::uint64_t reusable_tokens = 0;  ///< by a cache without bounds: what the turn before computed
  std::vector<std::string> answers;   ///< in the order of the turns
};

/// Adds a turn; `known` is what its conversation had computed before, and has then.
void count(played& p, std::uint32_t prompt, std::uint32_t reused, std::uint32_t answer, std::uint64_t& known) {
  p.prompt_tokens += prompt;
  p.reused_tokens += reused;
  p.reusable_tokens += std::min<std::uint64_t>(known, prompt);
  known = prompt + answer - 1;  // the last token was sampled, and nothing computed from it
}

played play_http(const own_server& server, const std::vector<user_turns>& all, order how) {
  chat_client client{server.http()};
  std::vector<message_list> messages(all.size());
  std::vector<std::uint64_t> known(all.size());
  played result;
  each_turn(all, how, [&](std::size_t who, std::size_t turn) {
    messages[who].push_back({"user", all[who][turn]});
    auto answer = client.say(messages[who], reuse_answer_tokens);
    messages[who].push_back({"assistant", answer.text});
    count(result, answer.prompt_tokens, answer.cached_tokens, answer.answer_tokens, known[who]);
    result.answers.push_back(std::move(answer.text));
  });
  return result;
}

played play_rpc(const own_server& server, const std::vector<user_turns>& all, order how) {
  rpc::client client{server.rpc()};
  std::vector<rpc::conversation> conversations;
  for (std::size_t i = 0; i < all.size(); ++i) conversations.push_back(client.open());
  std::vector<std::uint64_t> known(all.size());
  played result;
  each_turn(all, how, [&](std::size_t who, std::size_t turn) {
    rpc::say_options say{.text = all[who][turn]};
    say.sampling.tokens_max = reuse_answer_tokens;
    auto report = conversations[who].say(say);
    const auto& s = report.server;
    count(result, s.prompt_tokens, s.prompt_tokens - std::min(s.prompt_tokens, s.computed_tokens), s.answer_tokens,
          known[who]);
    result.answers.push_back(std::move(report.text));
  });
  return result;
}

/// A fresh server with an empty folder. `exact`: what it answers does not depend on how prompts are cut into pieces;
/// its numbers are twice as large, and so is its memory.
template <class Play>
played on_fresh_server(const served_flags& flags, bool exact, Play play) {
  io::temporary_folder folder{flags.work};
  std::vector<std::string> options{"--threads", std::to_string(flags.threads), "--model", flags.embedded.string(),
                                   "--disk",    folder.path() / "store"};
  std::vector<std::string> demo{"--device-mem", "24M", "--host-mem", "48M", "--disk-size", "1G"};
  if (exact)
    demo = {"--device-mem", "48M", "--host-mem", "96M", "--disk-size", "2G", "--compute", "f32", "--deterministic"};
  options.insert(options.end(), demo.begin(), demo.end());
  own_server server{folder.path(), options};
  return play(server);
}

double percent(std::uint64_t part, std::uint64_t of) {
  return 100.0 * static_cast<double>(part) / static_cast<double>(of);
}

void compare_answers(served_report& report, const served_flags& flags, const std::string& name,
                     const std::vector<user_turns>& all, order how) {
  auto http = on_fresh_server(flags, true, [&](const own_server& s) { return play_http(s, all, how); });
  auto rpc = on_fresh_server(flags, true, [&](const own_server& s) { return play_rpc(s, all, how); });
  std::uint64_t same = 0;
  for (std::size_t i = 0; i < http.answers.size(); ++i) same += http.answers[i] == rpc.answers[i];
  report.line(
      fmt::format("{}: {} of {} answers are those of RPC (float32, --deterministic)", name, same, http.answers.size()));
  report.at_least(name + ": answers that are those of RPC", percent(same, http.answers.size()), "%", 100);
}

}  // namespace

void resent_histories(served_report& report, const served_flags& flags) {
  report.line("\nAll messages resent each time, with the memory of `make demo`: 24 MiB of device, 48 MiB of host");
  auto sgd = read_conversations("sgd-sample.jsonl"), taskmaster = read_conversations("taskmaster4-sample.jsonl");
  auto sittings = users_of(sgd, sittings_joined);
  auto in_turn =
      on_fresh_server(flags, false, [&](const own_server& s) { return play_http(s, sittings, order::in_turn); });
  report.line(fmt::format("{} sittings in turn: {} turns, {} prompt tokens, {} reused", sittings.size(),
                          in_turn.answers.size(), in_turn.prompt_tokens, in_turn.reused_tokens));
  report.at_least("sittings in turn: reused of prompt tokens", percent(in_turn.reused_tokens, in_turn.prompt_tokens),
                  "%", 95);
  compare_answers(report, flags, "sittings in turn", sittings, order::in_turn);

  sgd.insert(sgd.end(), taskmaster.begin(), taskmaster.end());
  auto singles = users_of(sgd, 1);
  auto singly =
      on_fresh_server(flags, false, [&](const own_server& s) { return play_http(s, singles, order::singly); });
  report.line(fmt::format("{} conversations singly: {} turns, {} prompt tokens, {} reusable, {} reused", singles.size(),
                          singly.answers.size(), singly.prompt_tokens, singly.reusable_tokens, singly.reused_tokens));
  report.at_least("singly: reused of what a cache without bounds would",
                  percent(singly.reused_tokens, singly.reusable_tokens), "%", 98);
  compare_answers(report, flags, "singly", singles, order::singly);
}

}  // namespace chromatin::bench

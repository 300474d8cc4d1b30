// What a request and a streamed token cost more over HTTP than over RPC: the same turns over both, in turns.

#include <algorithm>
#include <array>
#include <chrono>

#include <fmt/format.h>

#include "bench/measure.hpp"
#include "bench/served/chat.hpp"
#include "bench/served/own_server.hpp"
#include "bench/served/parts.hpp"
#include "io/temporary_folder.hpp"
#include "rpc/client.hpp"

namespace chromatin::bench {
namespace {

using json = nlohmann::ordered_json;

constexpr std::uint32_t long_answer = 257, turns_each = 3;
constexpr float never = -100;

/// Both ways to one server, which keeps nothing on the disk: a sync's time varies more than what is measured. What ends
/// an answer is made so unlikely that every answer has all its tokens.
class both_ways {
 public:
  both_ways(const std::string& http, const std::string& rpc, const std::vector<kv::token_id>& ends)
      : http_{http}, rpc_{rpc} {
    for (auto token : ends) {
      no_end_["logit_bias"][std::to_string(token)] = never;
      biases_.push_back({token, never});
    }
  }

  /// Seconds for each turn of a new conversation over HTTP, whose client sends all messages each time.
  std::vector<double> plain(const std::vector<std::string>& texts, std::uint32_t tokens) {
    message_list messages;
    std::vector<double> times;
    for (const auto& text : texts) {
      messages.push_back({"user", text});
      auto answer = http_.say(messages, tokens, no_end_);
      times.push_back(answer.total_s);
      messages.push_back({"assistant", answer.text});
    }
    return times;
  }
  /// The same over RPC.
  std::vector<double> named(const std::vector<std::string>& texts, std::uint32_t tokens) {
    auto conversation = rpc_.open();
    std::vector<double> times;
    for (const auto& text : texts) {
      rpc::say_options say{.text = text};
      say.sampling.tokens_max = tokens;
      say.sampling.biases = biases_;
      times.push_back(seconds_of([&] { conversation.say(say); }));
    }
    return times;
  }

 private:
  chat_client http_;
  rpc::client rpc_;
  json no_end_ = json::object();
  std::vector<model::token_bias> biases_;
};

/// A tenth of the turns was faster: other work on the machine moves that less than a median.
double fast(std::vector<double> times) {
  std::ranges::sort(times);
  return times[times.size() / 10];
}

/// The time of a fast turn over HTTP and over RPC. A conversation's first turn is left out: over HTTP it makes the
/// conversation, too.
std::array<double, 2> compare(both_ways& ways, const std::vector<message_list>& all, std::uint32_t rounds,
                              std::uint32_t tokens) {
  std::array<std::vector<double>, 2> times;
  for (std::uint32_t round = 0; round < rounds; ++round)
    for (std::size_t way : {round % 2, 1 - round % 2}) {
      message_source source{all, 2 * round + way};
      std::vector<std::string> texts;
      for (std::uint32_t i = 0; i < turns_each; ++i)
        texts.push_back(fmt::format("{} {}: {}", tokens, round, source.next("user").content));
      auto each = way == 0 ? ways.plain(texts, tokens) : ways.named(texts, tokens);
      times[way].insert(times[way].end(), each.begin() + 1, each.end());
    }
  return {fast(times[0]), fast(times[1])};
}

}  // namespace

void http_over_rpc(served_report& report, const served_flags& flags) {
  io::temporary_folder folder{flags.work};
  own_server server{folder.path(), {"--threads", std::to_string(flags.threads), "--model", flags.embedded.string()}};
  both_ways ways{server.http(), server.rpc(), model::read_config(flags.embedded).end_of_answer};
  auto all = read_conversations("sgd-sample.jsonl");
  report.line(fmt::format("\nHTTP over RPC, the embedded model, {} turns each way, of which a tenth is faster",
                          flags.rounds * (turns_each - 1)));
  auto [http_one, rpc_one] = compare(ways, all, flags.rounds, 1);
  auto [http_all, rpc_all] = compare(ways, all, flags.rounds, long_answer);
  report.line(fmt::format("a turn of one token: {:.2f} ms over HTTP, {:.2f} ms over RPC; of {}: {:.1f} and {:.1f} ms",
                          1e3 * http_one, 1e3 * rpc_one, long_answer, 1e3 * http_all, 1e3 * rpc_all));
  report.at_most("a request over HTTP, over that of RPC", 1e3 * (http_one - rpc_one), "ms", 0.3);
  auto more = (http_all - http_one) - (rpc_all - rpc_one);
  report.at_most("a streamed token over HTTP, over that of RPC", 1e6 * more / (long_answer - 1), "us", 20);
}

}  // namespace chromatin::bench

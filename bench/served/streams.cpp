// Many streams at once: each is answered, and none waits while the others are served.

#include <algorithm>
#include <chrono>
#include <memory>

#include <fmt/format.h>
#include <poll.h>

#include "bench/measure.hpp"
#include "bench/served/chat.hpp"
#include "bench/served/own_server.hpp"
#include "bench/served/parts.hpp"
#include "io/temporary_folder.hpp"

namespace chromatin::bench {
namespace {

using clock = std::chrono::steady_clock;
using json = nlohmann::ordered_json;

constexpr std::uint32_t streams = 256, stream_tokens = 64;

/// One of them, and when something of it came.
struct stream {
  explicit stream(const std::string& address) : connection{address} {}

  void receive(clock::time_point begin) {
    auto before = reader.events();
    reader.feed(connection.receive());
    if (reader.events() == before && !reader.done()) return;
    auto now_s = std::chrono::duration<double>(clock::now() - begin).count();
    if (before == 0)
      first_s = now_s;
    else
      pause_s = std::max(pause_s, now_s - last_s);
    last_s = now_s;
  }

  tcp_connection connection;
  chat_reader reader;
  double first_s = 0, last_s = 0;
  double pause_s = 0;  ///< the longest, from the first event on
};

/// Sends all requests, then takes what comes, from whichever it comes.
void run_to_the_end(std::vector<std::unique_ptr<stream>>& all, const std::vector<std::string>& requests) {
  auto begin = clock::now();
  for (std::size_t i = 0; i < all.size(); ++i) all[i]->connection.send(requests[i]);
  std::vector<pollfd> waiting;
  for (const auto& one : all) waiting.push_back({one->connection.socket(), POLLIN, 0});
  for (auto left = all.size(); left > 0;) {
    ::poll(waiting.data(), waiting.size(), -1);
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (waiting[i].revents == 0) continue;
      all[i]->receive(begin);
      if (!all[i]->reader.done()) continue;
      waiting[i].fd = -1;  // poll() passes over it
      --left;
    }
  }
}

double largest(const std::vector<double>& values) { return *std::ranges::max_element(values); }

void measure(served_report& report, const served_flags& flags, std::uint32_t batch) {
  io::temporary_folder folder{flags.work};
  own_server server{folder.path(),
                    {"--threads", std::to_string(flags.threads), "--model", flags.embedded.string(), "--device-mem",
                     "256M", "--batch", std::to_string(batch)}};
  json no_end = json::object();
  for (auto token : model::read_config(flags.embedded).end_of_answer)
    no_end["logit_bias"][std::to_string(token)] = -100;
  auto conversations = read_conversations("sgd-sample.jsonl");
  std::vector<std::unique_ptr<stream>> all;
  std::vector<std::string> requests;
  for (std::uint32_t i = 0; i < streams; ++i) {
    auto text = fmt::format("{}: {}", i, message_source{conversations, i}.next("user").content);
    requests.push_back(chat_request({{"user", text}}, stream_tokens, no_end));
    all.push_back(std::make_unique<stream>(server.http()));
  }
  run_to_the_end(all, requests);
  std::vector<double> firsts, ends, pauses;
  std::uint32_t whole = 0;
  for (const auto& one : all) {
    firsts.push_back(one->first_s);
    ends.push_back(one->last_s);
    pauses.push_back(one->pause_s);
    whole += one->reader.answer().answer_tokens == stream_tokens;
  }
  report.line(fmt::format(
      "batch {}: first token after {:.0f} ms (median; last one {:.0f}), answers after {:.0f} ms (last one {:.0f}), "
      "{:.0f} tokens/s",
      batch, 1e3 * median(firsts), 1e3 * largest(firsts), 1e3 * median(ends), 1e3 * largest(ends),
      streams * stream_tokens / largest(ends)));
  auto name = [&](const char* what) { return fmt::format("{} streams, batch {}: {}", streams, batch, what); };
  report.at_least(name("answered in full"), whole, "", streams);
  report.at_most(name("slowest end over the median's"), largest(ends) / median(ends), "x", batch < streams ? 2.5 : 1.5);
  report.at_most(name("longest pause over an answer's time"), largest(pauses) / median(ends), "x", 0.5);
}

}  // namespace

/// In one batch all are answered side by side; in the usual one most wait for a place, and come one behind the other.
void many_streams(served_report& report, const served_flags& flags) {
  report.line(fmt::format("\n{} streams of {} tokens at once, the embedded model", streams, stream_tokens));
  measure(report, flags, streams);
  measure(report, flags, 16);
}

}  // namespace chromatin::bench

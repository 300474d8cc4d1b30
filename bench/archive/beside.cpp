// Whether those who talk notice that others are archived and recalled.

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "bench/archive/parts.hpp"
#include "bench/measure.hpp"
#include "bench/served/own_server.hpp"
#include "io/temporary_folder.hpp"
#include "rpc/client.hpp"

namespace chromatin::bench {
namespace {

using user_lists = std::vector<user_turns>;

constexpr std::uint32_t talkers = 4, travellers = 8, beside_answer_tokens = 16;
constexpr std::chrono::seconds phase{20};

std::vector<std::string> options_of(const archive_setup& setup, const std::filesystem::path& folder) {
  std::vector<std::string> all{"--model", setup.embedded.string(), "--disk", folder / "store"};
  const auto more = archive_words(setup, folder, "ticket");
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

void say(rpc::client& client, const std::string& id, const std::string& text) {
  rpc::say_options turn{.text = text};
  turn.sampling.tokens_max = beside_answer_tokens;
  client.open(id).say(turn);
}

/// Times to the first text of closed-loop clients for a phase, in milliseconds.
std::vector<double> talk(const std::string& address, const user_lists& users) {
  std::vector<std::vector<double>> times(talkers);
  {
    std::vector<std::jthread> all;
    for (std::uint32_t t = 0; t < talkers; ++t)
      all.emplace_back([&, t] {
        rpc::client client{address};
        const auto end = std::chrono::steady_clock::now() + phase;
        for (std::size_t talk = 0; std::chrono::steady_clock::now() < end; ++talk) {
          auto conversation = client.open();
          for (const auto& text : users[(t + talk * talkers) % users.size()]) {
            rpc::say_options turn{.text = text};
            turn.sampling.tokens_max = beside_answer_tokens;
            times[t].push_back(static_cast<double>(conversation.say(turn).first_text_us) / 1000);
          }
          conversation.forget();
        }
      });
  }
  std::vector<double> together;
  for (const auto& some : times) together.insert(together.end(), some.begin(), some.end());
  return together;
}

/// Conversations that go into DNA and come back, all the time; or only say what they say then, at the same pace.
class traffic {
 public:
  traffic(const std::string& address, const user_lists& users, std::optional<std::chrono::duration<double>> pause)
      : users_{users}, pause_{pause}, worker_{[this, address](const std::stop_token& end) {
          client_.emplace(address);  // it belongs to this thread
          run(end);
          client_.reset();
        }} {}

  /// Into DNA, and back.
  std::uint64_t trips() const { return travellers * ways_; }
  /// How often all of them spoke: once more than they travelled, where the phase ended on a way.
  std::uint64_t said() const { return said_; }

 private:
  void run(const std::stop_token& end) {
    for (std::uint32_t i = 0; i < travellers; ++i) forget(name_of(i));
    while (!end.stop_requested()) {
      for (std::uint32_t i = 0; i < travellers && !end.stop_requested(); ++i)
        say(*client_, name_of(i), users_[i].at(rounds_ % users_[i].size()));
      ++said_;
      pause_ ? std::this_thread::sleep_for(*pause_) : travel(end);
      ++rounds_;
    }
  }
  /// The phase before may have ended while it was in DNA.
  void forget(const std::string& id) try { client_->forget(id); } catch (const rpc::call_error&) {
  }
  void travel(const std::stop_token& end) {
    for (std::uint32_t i = 0; i < travellers; ++i) client_->archive(name_of(i));
    until(end, [&] { return in_state("stored"); });
    until(end, [&] { return nobody_is_here(); });
    if (end.stop_requested()) return;
    ++ways_;
    for (std::uint32_t i = 0; i < travellers; ++i) client_->recall(name_of(i));
    until(end, [&] { return in_state("settled"); });
    ways_ += !end.stop_requested();
  }
  static void until(const std::stop_token& end, const auto& condition) {
    while (!end.stop_requested() && !condition()) std::this_thread::sleep_for(std::chrono::milliseconds{100});
  }

  static std::string name_of(std::uint32_t i) { return fmt::format("traveller-{}", i); }
  bool in_state(const std::string& state) {
    const auto all = client_->archives();
    return std::ranges::count(all, state, &archive_ticket::state) == travellers;
  }
  bool nobody_is_here() {
    const auto all = client_->list();
    return std::ranges::none_of(all, [](const auto& one) { return one.id.starts_with("traveller-"); });
  }

  std::optional<rpc::client> client_;
  const user_lists& users_;
  std::optional<std::chrono::duration<double>> pause_;
  std::uint64_t rounds_ = 0;
  std::atomic<std::uint64_t> ways_{0}, said_{0};
  std::jthread worker_;
};

}  // namespace

nlohmann::ordered_json archive_beside(const archive_setup& setup) {
  const auto users = bundled_users(setup.conversations);
  io::temporary_folder folder{std::filesystem::temp_directory_path()};
  own_server server{folder.path(), options_of(setup, folder.path())};
  talk(server.rpc(), users);  // does not count
  std::vector<double> ratios, alone_all, beside_all;
  std::uint64_t trips = 0;
  for (std::uint32_t round = 0; round < setup.rounds; ++round) {
    std::uint64_t said = 0;
    const auto beside = [&] {
      traffic others{server.rpc(), users, {}};
      auto times = talk(server.rpc(), users);
      said = others.said();
      trips += others.trips();
      return times;
    }();
    const auto alone = [&] {
      traffic others{server.rpc(), users, phase / static_cast<double>(std::max<std::uint64_t>(said, 1))};
      return talk(server.rpc(), users);
    }();
    ratios.push_back(percentile(beside, 0.99) / percentile(alone, 0.99));
    alone_all.insert(alone_all.end(), alone.begin(), alone.end());
    beside_all.insert(beside_all.end(), beside.begin(), beside.end());
    say_line(fmt::format("  round {}: p99 {:.2f} ms alone, {:.2f} ms beside archives and recalls", round + 1,
                         percentile(alone, 0.99), percentile(beside, 0.99)));
  }
  const double change = 100 * (median(ratios) - 1);
  say_line(fmt::format("half of them: {:.2f} ms alone, {:.2f} ms beside", percentile(alone_all, 0.5),
                       percentile(beside_all, 0.5)));
  say_line(
      fmt::format("time to first token, p99 of {} and {} turns: {:.2f} ms alone, {:.2f} ms beside {} trips into DNA or "
                  "back; median of {} rounds {:+.1f} % (asked: at most 5)",
                  alone_all.size(), beside_all.size(), percentile(alone_all, 0.99), percentile(beside_all, 0.99), trips,
                  setup.rounds, change));
  return {{"turns_alone", alone_all.size()},
          {"turns_beside", beside_all.size()},
          {"p99_alone_ms", percentile(alone_all, 0.99)},
          {"p99_beside_ms", percentile(beside_all, 0.99)},
          {"p50_alone_ms", percentile(alone_all, 0.5)},
          {"p50_beside_ms", percentile(beside_all, 0.5)},
          {"change_percent", change},
          {"trips", trips}};
}

}  // namespace chromatin::bench

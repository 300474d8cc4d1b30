#include "apps/replay/run.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <mutex>
#include <queue>
#include <random>
#include <thread>

namespace chromatin::replay {
namespace {

using clock = std::chrono::steady_clock;

/// One user: holds a share of all sittings and takes the next turn of whichever is due first.
class user {
 public:
  user(const std::vector<sitting>& all, const run_options& options, std::uint32_t number)
      : all_{all}, options_{options}, client_{options.server, options.token}, random_{options.seed * 1000003 + number} {
    for (auto i = number; i < all.size(); i += options.concurrency) {
      open_.emplace_back(talk{i, 0, client_.open({}, all[i].system)});
      due_.push({pause(), open_.size() - 1});
    }
  }

  void run(const std::function<void()>& turn_done, const std::atomic<bool>& stop) {
    auto begin = clock::now();
    while (!due_.empty() && !stop) {
      auto [when_ms, index] = due_.top();
      due_.pop();
      if (options_.think_ms > 0)
        std::this_thread::sleep_until(begin + std::chrono::duration<double, std::milli>(when_ms));
      if (!take_turn(open_[index])) continue;
      turn_done();
      auto now_ms =
          options_.think_ms > 0 ? std::chrono::duration<double, std::milli>(clock::now() - begin).count() : when_ms;
      if (open_[index].turn < all_[open_[index].sitting].user_turns.size()) due_.push({now_ms + pause(), index});
    }
  }

  std::vector<turn_record> records;
  std::uint32_t sittings_cut = 0;

 private:
  struct talk {
    std::uint32_t sitting;
    std::uint32_t turn;
    rpc::conversation conversation;
  };

  double pause() { return std::exponential_distribution<>{1.0 / std::max(options_.think_ms, 1.0)}(random_); }

  bool take_turn(talk& t) {
    rpc::say_options say{.text = all_[t.sitting].user_turns[t.turn], .reuse = options_.reuse};
    say.sampling.tokens_max = options_.answer_tokens;
    if (options_.recorded_answers && t.turn > 0) say.before = take_recorded(t);
    try {
      auto report = t.conversation.say(say);
      records.push_back({t.sitting, ++t.turn, report.first_text_us, report.server, std::move(report.text)});
      return true;
    } catch (const rpc::call_error& e) {
      if (e.code() != "context_full") throw;
      ++sittings_cut;
      return false;
    }
  }

  /// The conversation without its last answer, and the file's answer to be said in its place; nothing, and the
  /// conversation as it is, where the file has none.
  message_list take_recorded(talk& t) {
    const auto& recorded = all_[t.sitting].recorded;
    if (recorded.size() < t.turn || recorded[t.turn - 1].empty()) return {};
    auto without = t.conversation.fork({}, t.conversation.refresh().messages - 1);
    t.conversation.forget();
    t.conversation = std::move(without);
    return {{"assistant", recorded[t.turn - 1]}};
  }

  const std::vector<sitting>& all_;
  const run_options& options_;
  rpc::client client_;
  std::mt19937_64 random_;
  std::vector<talk> open_;
  std::priority_queue<std::pair<double, std::size_t>, std::vector<std::pair<double, std::size_t>>, std::greater<>> due_;
};

}  // namespace

run_result run(const std::vector<sitting>& sittings, const run_options& options,
               const std::function<void(std::size_t)>& progress) {
  run_result result;
  std::mutex mutex;
  std::atomic<bool> stop{false};
  std::exception_ptr failure;
  std::size_t done = 0;
  auto begin = clock::now();
  std::vector<std::thread> threads;
  for (std::uint32_t i = 0; i < options.concurrency; ++i)
    threads.emplace_back([&, i] {
      try {
        user u{sittings, options, i};
        u.run(
            [&] {
              std::lock_guard lock{mutex};
              progress(++done);
            },
            stop);
        std::lock_guard lock{mutex};
        result.sittings_cut += u.sittings_cut;
        std::move(u.records.begin(), u.records.end(), std::back_inserter(result.turns));
      } catch (...) {
        std::lock_guard lock{mutex};
        if (!failure) failure = std::current_exception();
        stop = true;
      }
    });
  for (auto& t : threads) t.join();
  if (failure) std::rethrow_exception(failure);
  result.wall_s = std::chrono::duration<double>(clock::now() - begin).count();
  std::sort(result.turns.begin(), result.turns.end(), [](const auto& a, const auto& b) {
    return std::pair{a.sitting, a.turn} < std::pair{b.sitting, b.turn};
  });
  return result;
}

}  // namespace chromatin::replay

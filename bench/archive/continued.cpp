// The same answers after a trip through DNA as without one.

#include <algorithm>
#include <map>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "bench/archive/client_calls.hpp"
#include "bench/archive/parts.hpp"
#include "bench/dna.hpp"
#include "bench/served/own_server.hpp"
#include "io/temporary_folder.hpp"
#include "rpc/client.hpp"

namespace chromatin::bench {
namespace {

constexpr std::uint32_t continued_answer_tokens = 24;
constexpr std::size_t turns_max = 6;
constexpr int asked_again_max = 5;

using answers = std::vector<std::vector<std::string>>;  ///< [conversation][turn]

class archived_talks {
 public:
  archived_talks(const archive_setup& setup, const std::filesystem::path& folder, const std::vector<user_turns>& users,
                 bool archive)
      : users_{users}, archive_{archive}, server_{folder, options(setup, folder, archive)}, client_{server_.rpc()} {
    given_.resize(users.size());
  }

  answers play() {
    for (std::size_t who = 0; who < users_.size(); ++who)
      while (given_[who].size() < users_[who].size() / 2) say(who);
    there_and_back(true);
    each(1, [&](std::size_t who) { say(who); });
    there_and_back(false);  // an update of what is in the tube
    each(1, [&](std::size_t who) {
      while (given_[who].size() < users_[who].size()) say(who);
    });
    return given_;
  }

  std::uint64_t asked_again() const { return asked_again_; }
  /// Conversations that did not come back.
  std::size_t lost() const { return lost_.size(); }
  std::int64_t reads() { return counter(client_, "archivist", "reads_ordered"); }

 private:
  static std::vector<std::string> options(const archive_setup& setup, const std::filesystem::path& folder,
                                          bool archive) {
    std::vector<std::string> all{"--model",        setup.embedded.string(),
                                 "--disk",         folder / "store",
                                 "--device-mem",   "64M",
                                 "--host-mem",     "128M",
                                 "--disk-size",    "1G",
                                 "--compute",      "f32",
                                 "--deterministic"};
    if (archive) {
      const auto more = archive_words(setup, folder, "wait");
      all.insert(all.end(), more.begin(), more.end());
    }
    return all;
  }
  static std::string name_of(std::size_t who) { return fmt::format("talk-{}", who); }

  void say(std::size_t who) {
    if (given_[who].size() == users_[who].size()) return;
    rpc::say_options turn{.text = users_[who][given_[who].size()]};
    turn.sampling.tokens_max = continued_answer_tokens;
    given_[who].push_back(call_again([&] { return client_.open(name_of(who)).say(turn).text; }));
  }

  /// Every third one is spoken in while its strands are written; it is archived by itself afterwards.
  void there_and_back(bool with_turns) {
    const auto archive = [&](std::size_t who) { call_again([&] { return client_.archive(name_of(who)); }); };
    if (archive_) each(1, archive);
    if (with_turns) each(3, [&](std::size_t who) { say(who); });
    if (!archive_) return;
    wait_for("stored");
    if (with_turns) each(3, archive);
    wait_for("stored");
    const auto is_here = [&](const auto& one) { return !lost_.contains(one.id); };
    while (std::ranges::any_of(client_.list(), is_here)) std::this_thread::sleep_for(std::chrono::milliseconds{20});
    each(1, [&](std::size_t who) { call_again([&] { return client_.recall(name_of(who)); }); });
    wait_for("settled");
  }

  /// Every so many of those that are not lost.
  void each(std::size_t step, const auto& what) {
    for (std::size_t who = 0; who < users_.size(); who += step)
      if (!lost_.contains(name_of(who))) what(who);
  }

  /// A job that has stopped goes on when it is asked for again: what is missing is read for once more. Each time that
  /// is as many reads as all before.
  void ask_again(const archive_ticket& stopped, const std::string& state) {
    say_line(fmt::format("  {} stops: {}", stopped.id, stopped.failure));
    if (asked_[stopped.number]++ == asked_again_max) {
      lost_.insert(stopped.id);
      return;
    }
    ++asked_again_;
    call_again([&] { return state == "stored" ? client_.archive(stopped.id) : client_.recall(stopped.id); });
  }

  /// The last job of every conversation.
  void wait_for(const std::string& state) {
    for (;; std::this_thread::sleep_for(std::chrono::milliseconds{200})) {
      std::map<std::string, archive_ticket> last;
      for (auto& one : client_.archives()) last[one.id] = std::move(one);
      std::size_t there = 0;
      for (const auto& [id, one] : last) {
        if (!one.failure.empty() && !lost_.contains(id)) ask_again(one, state);
        there += one.state == state || lost_.contains(id);
      }
      show_progress(fmt::format("{}, {}", archive_ ? "archived" : "never left", state), there, users_.size());
      if (there == users_.size()) return;
    }
  }

  const std::vector<user_turns>& users_;
  bool archive_;
  own_server server_;
  rpc::client client_;
  answers given_;
  std::uint64_t asked_again_ = 0;
  std::map<std::uint64_t, int> asked_;  // by job
  std::set<std::string> lost_;
};

}  // namespace

nlohmann::ordered_json archive_continued(const archive_setup& setup) {
  auto users = bundled_users(setup.conversations);
  for (auto& turns : users) turns.resize(std::min(turns.size(), turns_max));
  io::temporary_folder stayed_in{std::filesystem::temp_directory_path()},
      went_from{std::filesystem::temp_directory_path()};
  const auto expected = archived_talks{setup, stayed_in.path(), users, false}.play();
  archived_talks travellers{setup, went_from.path(), users, true};
  const auto given = travellers.play();
  const auto reads = travellers.reads();
  std::uint64_t turns = 0, same = 0, whole = 0;
  for (std::size_t who = 0; who < users.size(); ++who) {
    turns += expected[who].size();
    for (std::size_t i = 0; i < given[who].size(); ++i) same += expected[who][i] == given[who][i];
    whole += expected[who] == given[who];
  }
  say_line(
      fmt::format("{} of {} conversations, {} of {} turns, are answered as if they had never left (float32, "
                  "deterministic); twice in DNA, {} reads; {} did not come back; {} times a job had stopped and was "
                  "asked for again",
                  whole, users.size(), same, turns, reads, travellers.lost(), travellers.asked_again()));
  return {{"conversations", users.size()},
          {"same", whole},
          {"turns", turns},
          {"turns_same", same},
          {"reads", reads},
          {"lost", travellers.lost()},
          {"asked_again", travellers.asked_again()}};
}

}  // namespace chromatin::bench

#pragma once

/// Who talks to a simulated machine: conversations begin, go on when an answer was read, and fill their windows, as the
/// registry would keep them. What they say is known by its length only.

#include <deque>
#include <unordered_map>

#include "sim/machine/stage.hpp"
#include "sim/workload.hpp"

namespace chromatin::sim {

/// A turn that was answered.
struct turn_record {
  std::uint64_t reusable_tokens = 0, reused_tokens = 0;
  std::uint64_t prompt_tokens = 0, computed_tokens = 0, answer_tokens = 0;
  std::int64_t first_token_us = 0, queued_us = 0;
  hit_list hits;
  double ended_s = 0;
};

class visitors {
 public:
  /// All outlive it; `answered` is called with each turn, and its number in the order in which they began.
  visitors(stage& at, const workload& what, const machine& m, bool reuse,
           std::function<void(std::uint64_t number, const turn_record&)> answered);

  bool all_gone() const { return left_ == 0; }
  std::uint64_t refused() const { return refused_; }
  const std::string& why_refused() const { return why_refused_; }  ///< the first
  std::uint64_t dropped_tokens() const { return dropped_; }

 private:
  struct visit {
    const scripted_conversation* script = nullptr;
    std::size_t next = 0;
    kv::lineage window;
  };
  void arrive(std::size_t which);
  void come_in();
  void say(std::size_t which, timeline::time_point arrived);
  void on_answer(std::size_t which, const turn_outcome& outcome);
  void go_on(std::size_t which);
  void plan(std::size_t which);
  /// The window has what the turn says; answers how much of it could be in the cache.
  std::uint32_t extend(visit& v, const scripted_turn& turn);
  void make_room(visit& v, std::uint32_t more);

  stage& stage_;
  const workload& what_;
  const machine& machine_;
  bool reuse_;
  std::function<void(std::uint64_t, const turn_record&)> answered_;
  double scale_;
  /// Turns that found the scheduler's queue full: a client comes again until it is let in.
  std::deque<std::pair<std::size_t, timeline::time_point>> outside_;
  std::uint32_t inside_ = 0;
  std::unordered_map<std::size_t, visit> visits_;  ///< by number of the conversation, those under way
  std::size_t left_;
  std::uint64_t turns_ = 0, refused_ = 0, dropped_ = 0;
  std::string why_refused_;
};

}  // namespace chromatin::sim

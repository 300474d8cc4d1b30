#pragma once

/// A random life of the whole system: turns, cancels, forks, truncations, faults and deaths from a seed, in a world of
/// random shape. It holds that the system comes to rest, every turn is answered, nothing leaks, and every answer is
/// that of an undisturbed run. A seed reproduces a life.

#include <random>

#include "tests/actors/world.hpp"

namespace chromatin::test {

class random_run {
 public:
  random_run(std::uint64_t seed, bool with_deaths);
  /// Lives and checks; failures are the test's.
  void run();

 private:
  /// Something that changed a conversation, in the order in which it did.
  struct event {
    enum class kind : std::uint8_t { said, forked, truncated, opened } what;
    std::string conversation;
    std::string text;  ///< said, or the new name of a fork
    std::uint32_t tokens = 0;
    bool reuse = true;
    std::string answer;
    std::string how;  ///< for a failure's report
  };
  struct asked {
    turn_id id;
    event what;
    bool noted = false;
    std::vector<event> then;  ///< what was carried out after it, and answered before it
  };

  std::uint64_t draw(std::uint64_t below) { return random_() % below; }
  std::string name() { return "c" + std::to_string(draw(6)); }
  void open_one();
  void say();
  void cancel();
  void fork();
  void truncate();
  void disk_fault();
  void device_fault();
  void death();
  void live_a_little();
  void note_answers();
  /// An event that was asked for when there were so many turns. A turn of its conversation that was asked for earlier
  /// came first, since none is changed while a turn of it is under way; answers may arrive in another order.
  void note(event e, std::size_t turns_before);
  void come_to_rest();
  void check_nothing_is_left();
  void check_answers();
  std::string story_of(const std::string& conversation, const event& last) const;

  std::uint64_t seed_;
  std::mt19937_64 random_;
  bool deaths_;
  world world_;
  std::vector<asked> turns_;
  std::vector<event> events_;
  int forks_ = 0;
  std::string log_;  ///< a letter for each thing that was done
};

}  // namespace chromatin::test

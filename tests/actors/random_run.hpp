#pragma once

/// A random life of the whole system, or of several one after the other on one machine whose power is cut between them:
/// turns, cancels, forks, truncations, forgets, faults of disk, files and device, deaths, delayed messages and clocks
/// that jump, from a seed, in worlds of random shape.
///
/// It holds that the system comes to rest, every turn is answered, nothing leaks, every answer is that of an
/// undisturbed run or a clear error, and no message is lost that was acknowledged. A seed reproduces a life.
/// docs/faults.md has the model.

#include <map>
#include <random>
#include <set>

#include "tests/actors/world.hpp"

namespace chromatin::test {

/// Which lives are lived: `test_actors --first-seed S --seeds N`.
struct seed_range {
  std::uint64_t first = 1, count = 100;
};
extern seed_range lives;

/// How often what was done, over many lives.
using tally = std::map<std::string, std::int64_t>;

class random_run {
 public:
  random_run(std::uint64_t seed, bool with_deaths);
  ~random_run() { world_.reset(); }  // turns that it still answers are noted here
  /// Lives and checks; failures are the test's. Adds what it did.
  void run(tally& done);

 private:
  /// Something that changed a conversation, in the order in which it did.
  struct event {
    enum class kind : std::uint8_t { said, forked, truncated, opened, forgot } what;
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

  struct copied {
    event what;
    std::size_t messages;  ///< that the copy has
  };

  std::uint64_t draw(std::uint64_t below) { return random_() % below; }
  std::uint32_t few() { return static_cast<std::uint32_t>(1 + draw(3)); }
  std::string name() { return "c" + std::to_string(draw(6)); }

  // -- what clients do --
  void open_one();
  void say();
  void cancel();
  void fork();
  void truncate();
  void forget();
  /// Asks the gateway something whose answer is given to `good`; until then, and after an error of the store, nobody
  /// knows whether these conversations changed.
  template <class Result, class Good, class... Values>
  void ask(const std::vector<std::string>& names, Good good, Values... values);

  // -- what goes wrong --
  void act();
  void disk_fault();
  void file_fault();
  void device_fault();
  void death();
  void restart(const std::string& part);
  void power_cut();
  void clock_jump();
  void look_ahead();
  void count(const std::string& what) { ++tally_[what]; }
  /// What became of this world's advice.
  void count_advice();

  void live_a_little();
  /// As a supervisor does, when the tier ended itself because its device only fails or is silent.
  bool revive_disk();
  void note_answers();
  void push(event e);
  /// An event that was asked for when there were so many turns. A turn of its conversation that was asked for earlier
  /// came first, since none is changed while a turn of it is under way; answers may arrive in another order.
  void note(event e, std::size_t turns_before);
  /// Forks of a conversation whose copies have the messages that it is known to have now. What came before a fork may
  /// be answered after it: a turn, or what another client asked for.
  void note_copies(const std::string& conversation);

  // -- what must hold --
  void come_to_rest();
  void check_nothing_is_left();
  void check_nothing_is_lost();
  void check_answers();
  std::string story_of(const std::string& conversation, const event& last) const;

  std::uint64_t seed_;
  std::mt19937_64 random_;
  bool deaths_;
  world_options shape_;
  std::shared_ptr<machine> machine_;
  std::unique_ptr<world> world_;
  int life_ = 0;              ///< answers that belong to an earlier one are not heard
  std::vector<asked> turns_;  ///< of this life
  std::vector<event> events_;
  std::map<std::string, message_list> known_;  ///< conversations as their clients know them
  std::multiset<std::string> asked_of_;        ///< conversations with a request that was not answered
  std::set<std::string> doubtful_;             ///< conversations with a request that the store failed at
  int forks_ = 0;
  std::vector<copied> copies_;                    ///< forks that were answered before something that came before them
  std::map<std::string, message_list> forks_of_;  ///< what there was to copy when a fork was asked for
  std::string log_;                               ///< a letter for each thing that was done
  tally tally_;
};

}  // namespace chromatin::test

#pragma once

/// What the users of a soak share: the servers' addresses, the texts, a gate that stops them, and the record of what
/// they did and found. Any thread.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace chromatin::soak {

class ground {
 public:
  std::string server, reference;     ///< addresses; the second one never goes wrong
  std::vector<std::string> texts;    ///< what users say, in order
  std::vector<std::string> tenants;  ///< a user each; a tenant's token is "token-of-" and its name

  /// The server was last told to stop, not killed: answers may have been cut short.
  std::atomic<bool> ended_orderly{false};

  // -- the gate --

  /// Something is so wrong that nobody goes on.
  void stop();
  bool stopped() const { return stopped_; }
  /// Users compare what they know and end, once the gate lets them.
  void finish() { finishing_ = true; }
  bool finishing() const { return finishing_; }
  /// Returns when every user waits at the gate; `open_gate` lets them go on.
  void close_gate();
  void open_gate();
  /// A user between two things it does.
  void pass_gate();

  // -- the record --

  void count(const std::string& what, std::int64_t times = 1);
  /// A sentence of a check; nothing happens if it is empty.
  void fail(const std::string& what);
  std::map<std::string, std::int64_t> counts() const;
  std::vector<std::string> failures() const;
  bool failed() const { return !failures().empty(); }

  // -- calls under way --

  void call_begins(std::size_t user);
  void call_ends(std::size_t user);
  std::chrono::milliseconds longest_wait() const;

  // -- texts that one tenant said and others have not yet --

  void post(const std::string& tenant, const std::string& text);
  /// A text that another tenant posted and this one never took; empty if there is none.
  std::string take(const std::string& tenant);

 private:
  using clock = std::chrono::steady_clock;
  struct posted {
    std::string text;
    std::set<std::string> known_to;
  };

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> stopped_{false}, finishing_{false};
  bool closed_ = false;                             ///< guarded by mutex_
  std::size_t waiting_ = 0;                         ///< at the gate; guarded by mutex_
  std::map<std::string, std::int64_t> counts_;      ///< guarded by mutex_
  std::vector<std::string> failures_;               ///< guarded by mutex_
  std::map<std::size_t, clock::time_point> calls_;  ///< guarded by mutex_
  std::vector<posted> board_;                       ///< guarded by mutex_
};

}  // namespace chromatin::soak

#pragma once

/// Lets in who comes, and bounds the work that strangers (who have not logged in) can cause in a stretch of time. Few
/// are let in and heard as they come. A crowd is looked at fifty times a second: between these looks it does not wake
/// the event loop, and at each only so many are let in and heard. Others wait in the kernel's line.
///
/// Where all places are taken, a stranger that does not speak gives way, and then one that has spoken; but each has a
/// grace to do so. While all are within theirs, the next one waits. Event loop thread only.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <kj/async-unix.h>
#include <kj/timer.h>

#include "rpc/lobby.hpp"

namespace chromatin::rpc {

/// Somebody who has spoken, and is being served.
struct speaker {
  virtual void close() = 0;  ///< soon

  std::string peer;
  stranger::time_point came;

 protected:
  ~speaker() = default;
};

class reception {
 public:
  /// All must live longer. `serve` gets who has said something, and may throw.
  reception(door& of, kj::Timer& timer, kj::UnixEventPort& port, std::function<void(stranger)> serve);

  /// Connections to the socket are strangers, or given to `take` where there is one.
  void listen(kj::AutoCloseFd socket, std::function<void(kj::AutoCloseFd)> take);
  /// Goes on for ever.
  kj::Promise<void> attend();
  /// Lets in nobody any more; attend() has ended. Those who are served stay.
  void close();

  /// A stranger that is served, until it has logged in or is gone. `id` is its account's.
  void speaks(std::uint64_t id, speaker& who) { speakers_.emplace(id, &who); }
  void no_stranger_any_more(std::uint64_t id) { speakers_.erase(id); }

 private:
  struct listener {
    kj::AutoCloseFd socket;
    std::function<void(kj::AutoCloseFd)> take;
    std::optional<stranger> waits;  ///< for a place
  };
  enum class place { now, soon, never };
  enum class next { when_somebody_comes, at_once, after_a_pause };

  next visit();
  bool let_in_from(listener& at, stranger::time_point now);
  bool find_place(stranger& s, stranger::time_point now);
  place make_place(const std::string& peer, stranger::time_point now);
  bool is_crowded() const;
  kj::Promise<void> somebody_comes();

  door& door_;
  kj::Timer& timer_;
  kj::UnixEventPort& port_;
  std::function<void(stranger)> serve_;
  lobby lobby_;
  std::vector<kj::Own<listener>> listeners_;
  std::map<std::uint64_t, speaker*> speakers_;  ///< oldest first
  std::size_t turned_away_ = 0;
  kj::Maybe<kj::Own<kj::UnixEventPort::FdObserver>> observer_;  ///< none while there is a crowd
};

}  // namespace chromatin::rpc

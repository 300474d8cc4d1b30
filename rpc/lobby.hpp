#pragma once

/// Connections that have not said a whole message yet. One costs a file descriptor and some bookkeeping; nothing else
/// is made for it, and it wakes nobody: looking is up to the owner. The time is passed in. One thread at a time.

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include <kj/io.h>

#include "rpc/door.hpp"

namespace chromatin::rpc {

struct stranger {
  using time_point = std::chrono::steady_clock::time_point;
  struct count_down {
    void operator()(std::size_t* count) const { --*count; }
  };

  kj::AutoCloseFd fd;  ///< of a socket that does not block
  std::string peer;
  std::shared_ptr<connection_account> account;  ///< null: there is no place for it, as `why` says
  refusal why;
  std::unique_ptr<std::size_t, count_down> turned_away;  ///< a count that this one is part of
  time_point came;
  std::optional<time_point> began;  ///< its first byte was there
};

class lobby {
 public:
  using time_point = stranger::time_point;

  /// `of` must live longer: its limits and counters are used.
  explicit lobby(door& of);

  /// Can be read (in the sense of poll) when look() has something to do, or somebody waits at a watched socket.
  int fd() const { return events_.get(); }
  /// A listening socket, until it is closed.
  void watch(int listening_fd);
  void add(stranger s);
  /// Hears all who said something since. Who went away, did not say a message to its end in time, or said none in time
  /// is closed.
  void look(time_point now);
  /// The one that said a message first; its bytes are still to be read.
  std::optional<stranger> next_that_spoke();

  std::size_t size() const { return silent_.size() + spoke_.size(); }
  /// When look() has to be called at the latest, if anybody is silent.
  std::optional<time_point> next_end() const;

  /// Closes the silent one that came first of those from `peer`, or of all if `peer` is null, unless it came later than
  /// `latest`. False if none was closed.
  bool close_oldest(const std::string* peer, time_point latest);
  void close_all();
  /// Whether anybody from `peer`, or at all if it is null, holds a place.
  bool holds_place(const std::string* peer) const;

 private:
  struct entry : stranger {
    std::list<entry>::iterator self;
  };
  using entry_list = std::list<entry>;

  void hear(entry& e, bool ends, time_point now);
  void close_late(time_point now);
  time_point end_of(const entry& e) const;

  door& door_;
  kj::AutoCloseFd events_;
  entry_list silent_;  ///< first who came first
  /// Nobody's time is over before. To go through a crowd at each look would cost more than all else that is done for
  /// it.
  time_point first_end_ = time_point::max();
  entry_list spoke_;  ///< first who spoke first
};

}  // namespace chromatin::rpc

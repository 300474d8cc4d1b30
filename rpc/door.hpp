#pragma once

/// What clients hold of a server, and the bounds of it. Each has a refusal of its own, which says when to come back.
/// Bookkeeping without a clock or a socket; one thread at a time, the event loop's.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "actors/turn_time.hpp"

namespace chromatin::rpc {

/// docs/operations.md says what each is for. A client is a tenant where there are tokens, else who connects from one
/// address (on a Unix socket: one user).
struct door_limits {
  std::uint32_t connections_max = 1024;
  std::uint32_t connections_per_client_max = 512;
  std::uint32_t calls_per_connection_max = 256;  ///< not answered yet
  std::uint32_t calls_per_client_max = 4096;
  std::uint32_t turns_per_connection_max = 64;  ///< of these calls, those of `say`
  std::uint32_t turns_per_client_max = 512;
  std::uint32_t handles_per_connection_max = 4096;      ///< conversations that a connection holds open
  std::uint64_t call_bytes_max = 8ull << 20;            ///< of one message
  std::uint64_t bytes_per_connection_max = 8ull << 20;  ///< of its calls that are not answered yet
  std::uint64_t bytes_per_client_max = 32ull << 20;     ///< the same over all its connections
  std::uint64_t bytes_max = 256ull << 20;               ///< of big messages that are being received, of all clients
  std::chrono::milliseconds login_within{10'000};       ///< a connection that has not logged in is closed
  std::chrono::milliseconds login_grace{100};           ///< a connection that is younger does not give way to others
  std::chrono::milliseconds read_within{20'000};        ///< what is sent of an answer that goes on is taken
  std::chrono::milliseconds message_within{60'000};  ///< a message that has begun is there, one that is sent is taken
};

/// Why a client has to come back later.
struct refusal {
  std::string what;  ///< a sentence
  std::chrono::milliseconds retry_after{0};
};

/// Counted refusals and ends, for `stat`.
struct door_counters {
  std::int64_t connections = 0, connections_refused = 0, logins_late = 0, logins_failed = 0, calls_refused = 0,
               turns_refused = 0, bytes_refused = 0, messages_late = 0;
};

/// What all connections of one client hold.
struct client_account {
  std::uint32_t connections = 0, calls = 0, turns = 0;
  std::uint64_t bytes = 0;
  std::chrono::nanoseconds owed{0};  ///< for refusals since it was read from last
  std::chrono::nanoseconds work{0};  ///< that it caused since, times the clients that were served meanwhile
  std::chrono::steady_clock::time_point read_again{}, worked_until{};
};

class door;

/// What one connection holds. Lives as long as the connection or a call of it.
class connection_account : public std::enable_shared_from_this<connection_account> {
 public:
  connection_account(door& of, std::string peer, std::uint64_t id);
  ~connection_account();
  connection_account(const connection_account&) = delete;
  connection_account& operator=(const connection_account&) = delete;

  std::uint64_t id() const { return id_; }
  /// Who is told apart from others: the tenant after a login with a token, the peer's address before and without.
  const std::string& client() const { return client_; }
  bool logged_in() const { return logged_in_; }
  /// `tenant` is empty where there are no tokens.
  std::optional<refusal> log_in(const std::string& tenant);

  /// Something that is held until it is destroyed.
  class hold {
   public:
    hold() = default;
    hold(hold&& other) noexcept = default;
    hold& operator=(hold&& other) noexcept;
    ~hold() { give_back(); }

   private:
    friend class connection_account;
    void give_back();

    std::shared_ptr<connection_account> of_;
    std::shared_ptr<client_account> client_;
    std::uint32_t calls_ = 0, turns_ = 0, handles_ = 0;
    std::uint64_t bytes_ = 0;
  };
  /// Each fills `to`, or says why not. `more_bytes` is for what a call makes beyond its own message.
  std::optional<refusal> begin_call(std::uint64_t bytes, hold& to);
  std::optional<refusal> more_bytes(std::uint64_t bytes, hold& to);
  std::optional<refusal> begin_turn(hold& to);
  std::optional<refusal> take_handle(hold& to);
  /// Whether the client may hold so many bytes more; no refusal, which would cost it something.
  bool keep_bytes(std::uint64_t bytes, hold& to);
  bool has_turns() const { return turns_ > 0; }

  /// How long nothing is read from the client. A refusal costs it time, or to be refused again and again would cost the
  /// server more than to serve others. So does what its calls cost, as soon as that is more than its share of the time:
  /// among n clients that are served, n times the cost.
  std::chrono::nanoseconds pause(std::chrono::steady_clock::time_point now);
  /// A turn that is dropped before its end costs its client what one that is answered costs the server.
  void dropped_turn();
  /// Something that the client was sent was not taken in time, or all of it was taken. A message holds up the turns of
  /// its connection, which are late then, too: it counts once.
  void was_late();
  void took_all() { late_ = false; }

 private:
  void owe(std::uint64_t bytes);
  void charge(std::chrono::nanoseconds work);
  hold take(hold what);
  bool has_room_for(std::uint64_t bytes) const;
  std::optional<refusal> refuse_bytes(std::uint64_t bytes);

  door& door_;
  std::uint64_t id_;
  std::string client_;
  std::shared_ptr<client_account> account_;
  bool logged_in_ = false, late_ = false;
  std::uint32_t calls_ = 0, turns_ = 0, handles_ = 0;
  std::uint64_t bytes_ = 0;
};

class door {
 public:
  explicit door(const door_limits& of) : limits{of} {}

  bool is_full() const { return static_cast<std::uint32_t>(counts.connections) >= limits.connections_max; }
  bool has_place(const std::string& peer) {
    return !is_full() && account_of(peer)->connections < limits.connections_per_client_max;
  }
  /// Null: there is no place for it, as `why` says.
  std::shared_ptr<connection_account> connect(const std::string& peer, refusal& why);
  std::shared_ptr<client_account> account_of(const std::string& client);
  void turn_answered(std::chrono::steady_clock::time_point now);

  door_limits limits;
  door_counters counts;
  turn_time turns_take;                            ///< what waiting turns are told
  std::chrono::nanoseconds turn_costs{1'000'000};  ///< from one answered turn to the next, a running mean
  std::uint32_t clients_served = 0;                ///< that wait for the answer of some call
  std::uint64_t receiving_bytes = 0;               ///< of big messages on their way in

 private:
  std::map<std::string, std::weak_ptr<client_account>> clients_;
  std::chrono::steady_clock::time_point last_answer_{};
  std::uint64_t last_id_ = 0;
};

}  // namespace chromatin::rpc

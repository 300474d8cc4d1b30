#pragma once

/// Orders for chunks, turned into reads of slices: which slice is read next, into whose page, and what that makes
/// ready. Pure logic: the owner reads, copies and tells as `next` says, and reports how reads ended.
///
/// An order wants every layer of some chunks in pages of its own, layer after layer. The more urgent order goes first,
/// and equals in the order in which they came. A slice is read once however many orders want it at that time: it goes
/// into one order's page and is copied from there into the pages of the others. An urgent order that wants a slice that
/// is in the device's line for a less urgent one has it asked for again, as its own.

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "io/operation.hpp"

namespace chromatin::io {

class read_queue {
 public:
  using ticket = std::uint64_t;
  using read_id = std::uint64_t;
  using time_point = std::chrono::steady_clock::time_point;

  struct limits {
    std::uint32_t layers = 1;
    std::uint32_t reads_max = 32;  ///< in the device at one time, for each urgency
    /// Copies that one `next` asks for, beside those of slices that just arrived; each takes time.
    std::uint32_t copies_max = 8;
  };

  explicit read_queue(limits l) : limits_{l} {}

  /// `slots`: where the chunks are; they must keep their bytes until the order is over. The ticket must be new. Reads
  /// that are not begun when it `expires` are not begun any more: the order fails as late.
  void add(ticket id, std::vector<std::uint32_t> slots, urgency wanted, time_point expires);
  /// The order is as urgent as this from now on, if it was less.
  void hurry(ticket id, urgency wanted);
  /// Nobody waits for the order any more. Unknown tickets are passed over.
  void cancel(ticket id);

  enum class ending : std::uint8_t {
    good,
    bad,        ///< an error, or bytes that do not match their checksum
    cancelled,  ///< taken out of the device's line
  };
  void ended(read_id id, ending how);

  /// One chunk of an order: the page that belongs to it.
  struct place {
    ticket order = 0;
    std::uint32_t chunk = 0;
  };
  struct read {
    read_id id = 0;
    std::uint32_t slot = 0;
    std::uint32_t layer = 0;
    place into;
    urgency wanted = urgency::turn_waits;
  };
  struct copy {
    std::uint32_t layer = 0;
    place from, to;
  };
  struct failure {
    place where;
    bool late = false;  ///< otherwise the chunk is damaged
  };
  /// In the order of the members.
  struct todo {
    std::vector<copy> copies;
    std::vector<std::pair<ticket, std::uint32_t>> ready;  ///< this layer of the order, and all before it, is in place
    std::vector<failure> failed;                          ///< nothing more comes for these orders
    std::vector<read> reads;
    std::vector<read_id> cancels;  ///< to be taken out of the device's line if they are there; also new ones
    std::vector<ticket> over;      ///< pages and slots of these orders are not touched any more
    bool more = false;             ///< there is more to do: call again soon, after others had their turn
  };
  /// To be called after every change, and all of it to be done.
  todo next(time_point now);

  /// Slices that orders of this urgency, or more urgent ones, still wait for.
  std::size_t slices_missing(urgency wanted) const;
  /// Slices that come before those of a new order: these, and what the device reads already for less urgent ones.
  std::size_t slices_before(urgency wanted) const;
  struct rest {
    std::size_t missing = 0;    ///< slices that the order still waits for
    std::size_t in_device = 0;  ///< of these, those that are being read
  };
  rest rest_of(ticket id) const;
  std::size_t orders() const { return orders_.size(); }
  std::size_t reads_under_way() const { return reads_.size(); }

 private:
  struct order {
    std::vector<std::uint32_t> slots;
    urgency wanted = urgency::turn_waits;
    time_point expires{};
    std::uint64_t arrival = 0;
    std::vector<bool> here;              ///< layer · chunks + chunk
    std::vector<std::uint32_t> missing;  ///< chunks, per layer
    std::uint32_t slices_missing = 0;    ///< in all
    std::uint32_t next_slice = 0;        ///< the first that was not looked at
    std::uint32_t layers_ready = 0;
    std::uint32_t under_way = 0;  ///< reads into its pages
    bool ended = false;           ///< complete, failed or cancelled: waits for these

    std::uint32_t chunks() const { return static_cast<std::uint32_t>(slots.size()); }
  };
  struct slice {
    std::uint32_t slot = 0;
    std::uint32_t layer = 0;
    auto operator<=>(const slice&) const = default;
  };
  struct read_state {
    slice what;
    place into;
    urgency wanted = urgency::turn_waits;
    bool cancelling = false;
  };
  using line = std::map<std::uint64_t, ticket>;  ///< by arrival

  bool lacks(place where, std::uint32_t layer) const;
  bool has_room(urgency wanted) const;
  void go_on(ticket id, time_point now);
  bool look_at(place where, slice what);
  void start(slice what, place into);
  std::optional<place> first_that_lacks(slice what) const;
  std::optional<place> first_that_has(slice what) const;
  void arrived(place where, std::uint32_t layer);
  void fail(place where, bool late);
  void pull(read_id id);
  void withdraw(ticket id);
  void cancel_reads_nobody_wants();
  void leave_if_idle(ticket id);

  limits limits_;
  std::map<ticket, order> orders_;
  std::uint64_t arrivals_ = 0;
  std::array<line, urgencies> lines_;                              ///< orders with slices that were not looked at
  std::unordered_map<std::uint32_t, std::vector<place>> wanters_;  ///< by slot: orders that have not ended
  std::unordered_map<read_id, read_state> reads_;
  std::map<slice, read_id> reads_of_;
  std::array<std::uint32_t, urgencies> reads_running_{};
  std::array<std::size_t, urgencies> slices_missing_{};  ///< of orders that have not ended
  read_id last_read_ = 0;
  std::vector<slice> again_;  ///< taken out of the device's line, and still wanted
  std::uint32_t copies_left_ = 0;
  todo todo_;  ///< what came up since the last `next`
};

}  // namespace chromatin::io

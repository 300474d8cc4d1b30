#pragma once

/// The messages of one connection, bounded in size, in time and in number: what a client sends in part, does not read,
/// or sends faster than it is answered holds up that client and nobody else. Event loop thread only.

#include <capnp/serialize-async.h>
#include <kj/async-io.h>
#include <kj/timer.h>

#include "rpc/door.hpp"

namespace chromatin::rpc {

class message_stream final : public capnp::MessageStream {
 public:
  /// All must live longer. `account` may be null: who is told that there is no place.
  message_stream(kj::AsyncIoStream& stream, kj::Timer& timer, door& limits, connection_account* account)
      : stream_{stream}, timer_{timer}, door_{limits}, account_{account} {}

  /// The client has logged in: its messages may be bigger.
  void trust() { trusted_ = true; }

  kj::Promise<kj::Maybe<capnp::MessageReaderAndFds>> tryReadMessage(kj::ArrayPtr<kj::AutoCloseFd> files,
                                                                    capnp::ReaderOptions options,
                                                                    kj::ArrayPtr<capnp::word> scratch) override;
  kj::Promise<void> writeMessage(kj::ArrayPtr<const int> files,
                                 kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments) override;
  kj::Promise<void> writeMessages(kj::ArrayPtr<kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>>> messages) override;
  kj::Maybe<int> getSendBufferSize() override;
  kj::Promise<void> end() override;

 private:
  using segment_list = kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>>;
  struct incoming;

  bool must_wait() const { return writing_ || unanswered_ >= 2 * door_.limits.calls_per_connection_max; }
  /// Waits until the client has read what it was sent, was answered enough, and has paid for refusals.
  kj::Promise<void> when_due();
  void look_again();
  kj::Promise<void> receive(incoming& m);
  kj::Promise<void> grow(incoming& m);
  kj::Promise<void> discard(std::uint64_t bytes);
  kj::Promise<void> written(kj::Promise<void> what);
  kj::Promise<void> in_time(kj::Promise<void> received);
  void count_answer(segment_list segments);

  kj::AsyncIoStream& stream_;
  kj::Timer& timer_;
  door& door_;
  connection_account* account_;
  bool trusted_ = false;
  bool writing_ = false;
  std::uint32_t unanswered_ = 0;  ///< calls that were read and not answered
  kj::Maybe<kj::Own<kj::PromiseFulfiller<void>>> waiter_;
};

}  // namespace chromatin::rpc

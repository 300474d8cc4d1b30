#include "rpc/message_stream.hpp"

#include <algorithm>
#include <cstring>

#include <capnp/rpc.capnp.h>
#include <capnp/serialize.h>
#include <sys/socket.h>

#include "rpc/taking.hpp"

namespace chromatin::rpc {
namespace {

using capnp::word;

/// What a client may send before it has logged in: a token.
constexpr std::size_t stranger_bytes_max = 64u << 10;
/// Smaller messages are always received: they carry the answers that a turn waits for.
constexpr std::size_t small_bytes_max = 64u << 10;
constexpr auto room_pause = 20 * kj::MILLISECONDS;
constexpr std::size_t segments_max = 512;

kj::Duration duration(std::chrono::milliseconds time) { return time.count() * kj::MILLISECONDS; }

}  // namespace

/// A message on its way in.
struct message_stream::incoming {
  explicit incoming(door& of) : all{of} {}
  ~incoming() { all.receiving_bytes -= reserved; }
  incoming(const incoming&) = delete;
  incoming& operator=(const incoming&) = delete;

  kj::byte* next() { return reinterpret_cast<kj::byte*>(words.begin()) + received; }
  std::size_t missing() const { return words.size() * sizeof(word) - received; }
  void resize(std::size_t size) {
    auto bigger = kj::heapArray<word>(size);
    std::memcpy(bigger.begin(), words.begin(), words.size() * sizeof(word));
    words = kj::mv(bigger);
  }

  door& all;
  kj::Array<word> words = kj::heapArray<word>(1);  ///< as much as is known to come
  std::size_t received = 0;                        ///< bytes
  std::uint64_t reserved = 0;                      ///< bytes, of the server's bound
};

kj::Promise<void> message_stream::when_due() {
  if (!must_wait()) {
    auto pause = account_ ? account_->pause(std::chrono::steady_clock::now()) : std::chrono::nanoseconds{0};
    if (pause.count() == 0) return kj::READY_NOW;
    return timer_.afterDelay(pause.count() * kj::NANOSECONDS).then([this] { return when_due(); });
  }
  auto pair = kj::newPromiseAndFulfiller<void>();
  waiter_ = kj::mv(pair.fulfiller);
  return pair.promise.then([this] { return when_due(); });
}

void message_stream::look_again() {
  if (must_wait()) return;
  KJ_IF_MAYBE (waiter, waiter_) {
    (*waiter)->fulfill();
    waiter_ = nullptr;
  }
}

kj::Promise<void> message_stream::in_time(kj::Promise<void> received) {
  auto late = timer_.afterDelay(duration(door_.limits.message_within));
  return received.exclusiveJoin(late.then([this]() -> kj::Promise<void> {
    ++door_.counts.messages_late;
    return KJ_EXCEPTION(DISCONNECTED, "a message was not sent in time");
  }));
}

// -- reading --

kj::Promise<kj::Maybe<capnp::MessageReaderAndFds>> message_stream::tryReadMessage(kj::ArrayPtr<kj::AutoCloseFd>,
                                                                                  capnp::ReaderOptions options,
                                                                                  kj::ArrayPtr<word>) {
  return when_due().then([this, options]() -> kj::Promise<kj::Maybe<capnp::MessageReaderAndFds>> {
    auto m = kj::heap<incoming>(door_);
    auto& message = *m;
    return stream_.tryRead(message.next(), 1, message.missing())
        .then([this, &message](std::size_t got) -> kj::Promise<bool> {
          message.received = got;
          if (got == 0) return false;
          return in_time(receive(message)).then([] { return true; });  // from the first byte on
        })
        .then([this, &message, options](bool any) -> kj::Maybe<capnp::MessageReaderAndFds> {
          if (!any) return nullptr;
          auto words = kj::mv(message.words);
          auto reader = kj::heap<capnp::FlatArrayMessageReader>(words, options).attach(kj::mv(words));
          auto kind = reader->getRoot<capnp::rpc::Message>().which();
          if (kind == capnp::rpc::Message::CALL || kind == capnp::rpc::Message::BOOTSTRAP) ++unanswered_;
          return capnp::MessageReaderAndFds{kj::mv(reader), nullptr};
        })
        .attach(kj::mv(m));
  });
}

kj::Promise<void> message_stream::receive(incoming& m) {
  auto missing = m.missing();
  return stream_.tryRead(m.next(), missing, missing).then([this, &m, missing](std::size_t got) -> kj::Promise<void> {
    m.received += got;
    if (got < missing) return KJ_EXCEPTION(DISCONNECTED, "a message was cut short");
    return grow(m);
  });
}

/// What came tells how much is to come: the table of a message's segments stands in front of them.
kj::Promise<void> message_stream::grow(incoming& m) {
  if (*reinterpret_cast<const std::uint32_t*>(m.words.begin()) >= segments_max)
    return KJ_EXCEPTION(FAILED, "too_large: a message has too many segments");
  auto size = capnp::expectedSizeInWordsFromPrefix(m.words);
  if (size <= m.words.size()) return kj::READY_NOW;
  auto bytes = size * sizeof(word);
  auto most = trusted_ ? door_.limits.call_bytes_max : stranger_bytes_max;
  if (bytes > most)
    return discard(bytes - m.received).then([bytes, most]() -> kj::Promise<void> {
      return kj::Exception(kj::Exception::Type::FAILED, __FILE__, __LINE__,
                           kj::str("too_large: a message has ", bytes, " bytes, this server takes ", most));
    });
  if (bytes > small_bytes_max && m.reserved == 0) {
    if (door_.receiving_bytes + bytes > door_.limits.bytes_max)
      return timer_.afterDelay(room_pause).then([this, &m] { return grow(m); });
    m.reserved = bytes;
    door_.receiving_bytes += bytes;
  }
  m.resize(size);
  return receive(m);
}

/// A client that is still sending would not read why it is refused.
kj::Promise<void> message_stream::discard(std::uint64_t bytes) {
  if (bytes == 0) return kj::READY_NOW;
  auto buffer = kj::heapArray<kj::byte>(std::min<std::uint64_t>(bytes, small_bytes_max));
  auto read = stream_.tryRead(buffer.begin(), 1, buffer.size());
  return read
      .then([this, bytes](std::size_t got) -> kj::Promise<void> {
        if (got == 0) return kj::READY_NOW;
        return discard(bytes - got);
      })
      .attach(kj::mv(buffer));
}

// -- writing --

void message_stream::count_answer(segment_list segments) {
  capnp::SegmentArrayMessageReader reader{segments};
  if (reader.getRoot<capnp::rpc::Message>().which() == capnp::rpc::Message::RETURN && unanswered_ > 0) --unanswered_;
}

kj::Promise<void> message_stream::written(kj::Promise<void> what) {
  writing_ = true;
  auto late = too_late(timer_, door_.limits, [this] { return account_ && account_->has_turns(); });
  late = late.then([this]() -> kj::Promise<void> {
    if (account_)
      account_->was_late();
    else
      ++door_.counts.messages_late;
    return KJ_EXCEPTION(DISCONNECTED, "a message was not taken in time");
  });
  return what.exclusiveJoin(kj::mv(late)).then([this] {
    writing_ = false;
    if (account_) account_->took_all();
    look_again();
  });
}

kj::Promise<void> message_stream::writeMessage(kj::ArrayPtr<const int>, segment_list segments) {
  count_answer(segments);
  return written(capnp::writeMessage(stream_, segments));
}

kj::Promise<void> message_stream::writeMessages(kj::ArrayPtr<segment_list> messages) {
  for (auto segments : messages) count_answer(segments);
  return written(capnp::writeMessages(stream_, messages));
}

kj::Maybe<int> message_stream::getSendBufferSize() {
  int size = 0;
  unsigned length = sizeof size;
  stream_.getsockopt(SOL_SOCKET, SO_SNDBUF, &size, &length);
  return size;
}

kj::Promise<void> message_stream::end() {
  stream_.shutdownWrite();
  return kj::READY_NOW;
}

}  // namespace chromatin::rpc

#include "http/bounded_stream.hpp"

#include <algorithm>

#include <kj/debug.h>
#include <sys/socket.h>

#include "rpc/taking.hpp"

namespace chromatin::http {
namespace {

/// The bound is for so many bytes, or a long answer would have to be taken as fast as a short one.
constexpr std::size_t piece_bytes = 64 << 10;
/// What the kernel holds of what a client does not read. Of itself it takes megabytes, and a stream that nobody reads
/// would be computed for so much longer.
constexpr int kernel_bytes = 256 << 10;

}  // namespace

bounded_stream::bounded_stream(kj::Own<kj::AsyncIoStream> inner, kj::Timer& timer, const rpc::door_limits& bounds)
    : inner_{kj::mv(inner)}, timer_{timer}, limits_{bounds}, input_{*inner_} {
  inner_->setsockopt(SOL_SOCKET, SO_SNDBUF, &kernel_bytes, sizeof kernel_bytes);
}

kj::Promise<void> bounded_stream::in_time(kj::Promise<void> sent) {
  auto late =
      rpc::too_late(timer_, limits_, [this] {
        return account_ && account_->has_turns();
      }).then([]() -> kj::Promise<void> { return KJ_EXCEPTION(DISCONNECTED, "what was sent was not taken in time"); });
  return sent.exclusiveJoin(kj::mv(late));
}

kj::Promise<void> bounded_stream::write(const void* buffer, std::size_t size) {
  if (!is_of_http_1_0()) return write_as_it_is(buffer, size);
  auto text = kj::heap<std::string>(old_.take({static_cast<const char*>(buffer), size}));
  if (text->empty()) return kj::READY_NOW;
  auto sent = write_as_it_is(text->data(), text->size());
  return sent.attach(kj::mv(text));
}

kj::Promise<void> bounded_stream::write_as_it_is(const void* buffer, std::size_t size) {
  auto now = std::min(size, piece_bytes);
  auto sent = in_time(inner_->write(buffer, now));
  if (now == size) return sent;
  return sent.then([this, rest = static_cast<const kj::byte*>(buffer) + now, size = size - now] {
    return write_as_it_is(rest, size);
  });
}

kj::Promise<void> bounded_stream::write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) {
  std::size_t size = 0;
  for (auto piece : pieces) size += piece.size();
  if (size <= piece_bytes && !is_of_http_1_0()) return in_time(inner_->write(pieces));
  auto sent = write(pieces.front().begin(), pieces.front().size());
  auto rest = pieces.slice(1, pieces.size());
  if (rest.size() == 0) return sent;
  return sent.then([this, rest] { return write(rest); });
}

}  // namespace chromatin::http

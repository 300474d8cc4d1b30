#pragma once

/// A connection on which what is sent is taken in time, in the version of HTTP that its client speaks, and of which
/// only requests are read that are framed as HTTP has them. Event loop thread only.

#include <memory>
#include <optional>
#include <utility>

#include <kj/async-io.h>
#include <kj/timer.h>

#include "http/checked_input.hpp"
#include "http/old_clients.hpp"
#include "rpc/door.hpp"

namespace chromatin::http {

/// A client that takes no bytes for so long is disconnected: what it asked for holds nothing any more.
class bounded_stream final : public kj::AsyncIoStream {
 public:
  bounded_stream(kj::Own<kj::AsyncIoStream> inner, kj::Timer& timer, const rpc::door_limits& bounds);

  /// Whose turns are under way on it: meanwhile what is sent is taken sooner.
  void serve(std::shared_ptr<const rpc::connection_account> account) { account_ = std::move(account); }

  kj::Promise<void> write(const void* buffer, std::size_t size) override;
  kj::Promise<void> write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) override;

  /// Of the request that was read last, what is to be said about its head, and nothing else.
  std::optional<framing_fault> wrong_head() const { return input_.wrong_head(); }
  /// Of the request that was read last.
  bool is_of_http_1_0() const { return input_.is_of_http_1_0(); }
  /// What is written next is the head of a response to such a client. All that was written before is out.
  void begin_old_response() { old_.begin(); }

  kj::Promise<std::size_t> tryRead(void* buffer, std::size_t least, std::size_t most) override {
    return input_.read(buffer, least, most);
  }
  kj::Promise<void> whenWriteDisconnected() override { return inner_->whenWriteDisconnected(); }
  void shutdownWrite() override { inner_->shutdownWrite(); }
  void abortRead() override { inner_->abortRead(); }
  void getsockopt(int level, int option, void* value, kj::uint* length) override {
    inner_->getsockopt(level, option, value, length);
  }
  void setsockopt(int level, int option, const void* value, kj::uint length) override {
    inner_->setsockopt(level, option, value, length);
  }
  void getsockname(struct sockaddr* address, kj::uint* length) override { inner_->getsockname(address, length); }
  void getpeername(struct sockaddr* address, kj::uint* length) override { inner_->getpeername(address, length); }
  kj::Maybe<int> getFd() const override { return inner_->getFd(); }

 private:
  kj::Promise<void> in_time(kj::Promise<void> sent);
  kj::Promise<void> write_as_it_is(const void* buffer, std::size_t size);

  kj::Own<kj::AsyncIoStream> inner_;
  kj::Timer& timer_;
  const rpc::door_limits& limits_;
  std::shared_ptr<const rpc::connection_account> account_;
  checked_input input_;
  old_response_text old_;
};

}  // namespace chromatin::http

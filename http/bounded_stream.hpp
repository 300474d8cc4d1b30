#pragma once

/// A connection on which what is sent is taken in time, in the version of HTTP that its client speaks. Event loop
/// thread only.

#include <kj/async-io.h>
#include <kj/timer.h>

#include "http/old_clients.hpp"

namespace chromatin::http {

/// A client that takes no bytes for so long is disconnected: what it asked for holds nothing any more.
class bounded_stream final : public kj::AsyncIoStream {
 public:
  bounded_stream(kj::Own<kj::AsyncIoStream> inner, kj::Timer& timer, kj::Duration within)
      : inner_{kj::mv(inner)}, timer_{timer}, within_{within} {}

  kj::Promise<void> write(const void* buffer, std::size_t size) override;
  kj::Promise<void> write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) override;

  /// As soon as a request is there.
  bool is_of_http_1_0() const { return line_.is_old(); }
  /// What is written next is the head of a response to such a client. All that was written before is out.
  void begin_old_response() { old_.begin(); }

  kj::Promise<std::size_t> tryRead(void* buffer, std::size_t least, std::size_t most) override;
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
  kj::Duration within_;
  first_line line_;
  old_response_text old_;
};

}  // namespace chromatin::http

#pragma once

/// A client that takes what it can get: calls without end, of which some are always under way.

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <capnp/ez-rpc.h>
#include <kj/async-io.h>

#include "tests/support/deaf_sink.hpp"

namespace chromatin::test {

/// Calls on one connection, in a thread of its own. When one ends, however it ends, the same is called again; when the
/// connection ends, another takes its place.
class flooder {
 public:
  /// Makes one call; `number` counts them.
  using call = std::function<kj::Promise<void>(schema::Session::Client&, std::uint64_t number)>;

  flooder(std::string address, std::string token, std::uint32_t under_way, call what)
      : address_{std::move(address)}, token_{std::move(token)}, under_way_{under_way}, what_{std::move(what)} {
    thread_ = std::thread{[this] {
      while (!stopping_) connect();
    }};
  }
  ~flooder() {
    stopping_ = true;
    thread_.join();
  }

  std::uint64_t calls() const { return calls_; }

 private:
  void connect() try {
    capnp::EzRpcClient connection{address_.c_str()};
    auto& scope = connection.getWaitScope();
    auto login = connection.getMain<schema::Gate>().loginRequest();
    login.setToken(token_);
    auto session = login.send().wait(scope).getSession();
    calls_under_way all{*this, session};
    for (std::uint32_t i = 0; i < under_way_; ++i) all.begin();
    auto& timer = connection.getIoProvider().getTimer();
    while (!stopping_ && !all.connection_lost) timer.afterDelay(20 * kj::MILLISECONDS).wait(scope);
  } catch (const kj::Exception&) {
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }

  struct calls_under_way final : kj::TaskSet::ErrorHandler {
    calls_under_way(flooder& of_, schema::Session::Client& session_) : of{of_}, session{session_} {}
    void begin() {
      tasks.add(of.what_(session, of.calls_++).then([this] { begin(); }));
    }
    void taskFailed(kj::Exception&& e) override {
      if (e.getType() == kj::Exception::Type::DISCONNECTED)
        connection_lost = true;
      else
        begin();
    }
    flooder& of;
    schema::Session::Client& session;
    bool connection_lost = false;
    kj::TaskSet tasks{*this};
  };

  const std::string address_, token_;
  const std::uint32_t under_way_;
  const call what_;
  std::atomic<std::uint64_t> calls_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace chromatin::test

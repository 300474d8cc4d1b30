#pragma once

/// From the KJ event loop to an actor and back, without polling and without blocking either side.

#include <functional>
#include <memory>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <kj/async.h>

#include "actors/error.hpp"

namespace chromatin::rpc {

inline kj::Exception to_exception(const caf::error& error) {
  auto type = error == ec::overloaded ? kj::Exception::Type::OVERLOADED : kj::Exception::Type::FAILED;
  return kj::Exception(type, __FILE__, __LINE__, kj::str(explain(error).c_str()));
}

/// Runs `ask` in an actor of its own. That it is one kind of actor for all requests spares the compiler a kind for
/// each.
void spawn_asker(caf::actor_system& system, std::function<void(caf::event_based_actor*)> ask);

/// Sends a request from the loop's thread; the promise has the answer of type T, or the error as an exception. Dropping
/// the promise drops the answer, not the request.
template <class T, class Handle, class... Message>
kj::Promise<T> ask(caf::actor_system& system, const Handle& whom, Message... message) {
  auto pair = kj::newPromiseAndCrossThreadFulfiller<T>();
  auto fulfiller = std::make_shared<kj::Own<kj::CrossThreadPromiseFulfiller<T>>>(kj::mv(pair.fulfiller));
  spawn_asker(system, [=](caf::event_based_actor* self) {
    auto failed = [fulfiller](const caf::error& error) { (*fulfiller)->reject(to_exception(error)); };
    auto asked = self->request(whom, caf::infinite, message...);
    if constexpr (std::is_void_v<T>)
      asked.then([fulfiller] { (*fulfiller)->fulfill(); }, failed);
    else
      asked.then([fulfiller](T& answer) { (*fulfiller)->fulfill(kj::mv(answer)); }, failed);
  });
  return kj::mv(pair.promise);
}

}  // namespace chromatin::rpc

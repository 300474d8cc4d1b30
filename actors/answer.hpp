#pragma once

/// A promise that is always answered. CAF drops a promise silently with the state of the actor that holds it, and who
/// asked waits for ever.

#include <string>
#include <utility>

#include <caf/typed_response_promise.hpp>

#include "actors/error.hpp"

namespace chromatin {

/// Owns the promise of an answer of type `T`; `void` for an answer without a value. One that is destroyed before it
/// delivered, with its actor or by a forgotten path, answers `not_available`. Used in its actor only.
template <class T>
class answer {
 public:
  answer() = default;
  explicit answer(caf::typed_response_promise<T> promise) : promise_{std::move(promise)} {}
  answer(answer&& other) noexcept : promise_{std::exchange(other.promise_, {})} {}
  answer& operator=(answer&& other) noexcept {
    give_up();
    promise_ = std::exchange(other.promise_, {});
    return *this;
  }
  ~answer() { give_up(); }

  /// True until the answer was given.
  bool pending() const { return promise_.pending(); }
  /// Answers with a value or a caf::error; later calls do nothing.
  template <class... Value>
  void deliver(Value&&... value) {
    std::exchange(promise_, {}).deliver(std::forward<Value>(value)...);
  }

 private:
  void give_up() {
    if (pending())
      deliver(
          caf::make_error(ec::not_available, std::string{"the part that should have answered died"}));
  }

  caf::typed_response_promise<T> promise_;
};

}  // namespace chromatin

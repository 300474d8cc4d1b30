#pragma once

/// What an actor throws ends it; who watches it should hear what that was.

#include <exception>
#include <string>

#include <caf/error.hpp>
#include <caf/make_message.hpp>

#include "actors/error.hpp"

namespace chromatin {

/// An exception out of a handler of `self` becomes the reason of its end, with the exception's own sentence. Called
/// when the actor is spawned.
template <class Actor>
void keep_last_words(Actor* self) {
  self->set_exception_handler([](std::exception_ptr& thrown) -> caf::error {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
      return caf::make_error(ec::not_available, std::string{e.what()});
    } catch (...) {
      return caf::make_error(ec::not_available, std::string{"something that is no exception was thrown"});
    }
  });
}

}  // namespace chromatin

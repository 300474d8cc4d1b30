#pragma once

/// A conversation's lease for as long as a function runs.

#include <chrono>
#include <utility>

#include "io/registry_store.hpp"

namespace chromatin {

/// A turn may wait long and answer long; only a store that several nodes share needs an end at all.
inline constexpr auto lease_lasts = std::chrono::hours{24};

/// Gives a lease back when it goes, unless it is kept.
class held_lease {
 public:
  held_lease(io::registry_store& store, io::conversation_key key, io::lease_owner owner)
      : store_{store}, key_{std::move(key)}, owner_{owner} {}
  held_lease(const held_lease&) = delete;
  held_lease& operator=(const held_lease&) = delete;
  ~held_lease() {
    if (!kept_) store_.release(key_, owner_);
  }
  bool take(io::lease_time now) { return store_.lease(key_, owner_, now, now + lease_lasts); }
  void keep() { kept_ = true; }

 private:
  io::registry_store& store_;
  io::conversation_key key_;
  io::lease_owner owner_;
  bool kept_ = false;
};

}  // namespace chromatin

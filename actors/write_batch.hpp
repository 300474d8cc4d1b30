#pragma once

/// Writes to a registry's store that become durable together, and the answers that wait for that. A sync of the disk
/// costs more than a hundred writes: what waits in the registry's mailbox shares one.

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <caf/error.hpp>

#include "actors/error.hpp"
#include "io/registry_store.hpp"

namespace chromatin {

/// In its actor only.
class write_batch {
 public:
  /// Told null when the batch is durable, or why nothing of it is stored.
  using waiter = std::function<void(const caf::error*)>;

  explicit write_batch(std::shared_ptr<io::registry_store> store) : store_{std::move(store)} {}
  write_batch(const write_batch&) = delete;
  write_batch& operator=(const write_batch&) = delete;
  ~write_batch() { commit(); }

  bool under_way() const { return under_way_; }
  std::size_t waiting() const { return waiting_.size(); }
  void begin() {
    store_->begin();
    under_way_ = true;
  }
  void wait(waiter who) { waiting_.push_back(std::move(who)); }
  /// Ends the batch, if there is one. False if nothing of it is stored.
  bool commit() {
    if (!std::exchange(under_way_, false)) return true;
    caf::error lost;
    try {
      store_->commit();
    } catch (const std::exception& e) {
      lost = caf::make_error(ec::store_failed, std::string{e.what()});
    }
    for (auto& who : std::exchange(waiting_, {})) who(lost ? &lost : nullptr);
    return !lost;
  }

 private:
  std::shared_ptr<io::registry_store> store_;
  std::vector<waiter> waiting_;
  bool under_way_ = false;
};

}  // namespace chromatin

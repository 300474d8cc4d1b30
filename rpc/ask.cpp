#include "rpc/ask.hpp"

namespace chromatin::rpc {

void spawn_asker(caf::actor_system& system, std::function<void(caf::event_based_actor*)> ask) {
  system.spawn([ask = std::move(ask)](caf::event_based_actor* self) { ask(self); });
}

}  // namespace chromatin::rpc

#include "actors/catalog.hpp"

#include <caf/typed_event_based_actor.hpp>

namespace chromatin {

catalog_actor::behavior_type catalog(catalog_actor::pointer, std::shared_ptr<io::chunk_store> store) {
  auto failed = [](const io::sqlite_error& e) { return caf::make_error(ec::store_failed, std::string{e.what()}); };
  return {
      [=](atom::open) -> caf::result<std::vector<io::stored_chunk>> {
        try {
          return store->load();
        } catch (const io::sqlite_error& e) {
          return failed(e);
        }
      },
      [=](atom::commit, const io::catalog_change& change) -> caf::result<void> {
        try {
          store->commit(change);
          return {};
        } catch (const io::sqlite_error& e) {
          return failed(e);
        }
      },
  };
}

}  // namespace chromatin

#pragma once

/// The catalog: the detached actor that commits for the disk tier, since SQLite blocks.

#include "actors/actors.hpp"

namespace chromatin {

catalog_actor::behavior_type catalog(catalog_actor::pointer self, std::shared_ptr<io::chunk_store> store);

}  // namespace chromatin

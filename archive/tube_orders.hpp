#pragma once

/// Between a partition's store, which counts its orders, and a laboratory, which knows them by name.

#include <string>
#include <string_view>

#include "archive/job.hpp"
#include "dna/partition/store.hpp"

namespace chromatin::archive {

/// The number of the order that what was last written to a path belongs to; 0 where it is not marked as ordered yet.
/// Throws dna::partition_error where there is no such path.
std::uint32_t order_with(const dna::store& tube, std::string_view path);

/// "TUBE-order-3".
std::string order_name(std::string_view tube, std::uint32_t number);

/// The order that an archive job waits for, `synthesis`, the same whenever it is asked for: one that the store has
/// marked, or that of the blocks that are missing (syntheses_more). Throws laboratory_error where the store has no such
/// order.
synthesis_order order_of(const dna::store& from, const archive_job& job);

}  // namespace chromatin::archive

#pragma once

#include <span>
#include <string>
#include <string_view>

#include "dna/partition/partition.hpp"
#include "dna/reads/partition_reads.hpp"

namespace chromatin::dna {

/// Why a commit may follow the last one of which there is a record, going by the reads alone; empty where none can.
///
/// A tube that lacks its newest commit looks like a tube that never had one. Only the number of reads tells them apart:
/// a record that follows would stand beside the others, and even if it was mixed in at a tenth of their concentration
/// and copy numbers vary, some of its reads would be there. So the end is certain where so many reads were to be
/// expected of the next record that their absence cannot be chance, and no reads of blocks nobody accounts for are
/// there either. `outcomes` with their unexplained reads counted (pipeline::explain).
///
/// Of a directory with a journal of its own only what is on its own leaves counts. A PCR that brings it also brings
/// misprimed copies of others, which carry its address: they are spread over all its places alike, and a record that
/// follows must stand out from them.
std::string doubt_of_end(const partition& found, std::span<const block_outcome> outcomes,
                         std::string_view directory = "");

}  // namespace chromatin::dna

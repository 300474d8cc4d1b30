#pragma once

/// What no reads brought of an archive, whose copy is still on the disk: its blocks are synthesised once more, in an
/// order of their own, poured into the tube, and all is read again (short_of in archive/job.hpp).

#include "archive/job.hpp"

namespace chromatin::archive {

inline constexpr std::uint32_t syntheses_more_max = 2;

/// The number of the last such order, `synthesis`; 0 where there was none. While no reads are ordered since, it is of
/// `missing`.
std::uint32_t syntheses_more(const archive_job& job);

}  // namespace chromatin::archive

#pragma once

/// What a spool folder tells people about an order (archive/spool.hpp). Pure.

#include "archive/laboratory.hpp"

namespace chromatin::archive {

/// Every primer of an order once, as it is to be bought: "primer-1", "primer-2", … in the order of their use.
std::vector<dna::ordered_oligo> primers_of(const sequencing_order& what);

/// The file README: what to do next, and what says that it was done.
std::string readme_of(const synthesis_order& what);
std::string readme_of(const sequencing_order& what);

/// The file order.txt: a line for each fact, the last one a checksum of everything that was ordered.
std::string summary_of(const synthesis_order& what);
std::string summary_of(const sequencing_order& what);

}  // namespace chromatin::archive

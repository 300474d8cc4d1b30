#pragma once

/// What the commands that simulate a laboratory share.

#include <string>
#include <vector>

#include "dna/partition/store.hpp"
#include "dna/wetlab/retrieval.hpp"

namespace chromatin::dna {

/// Every strand of a store.
inline std::vector<std::string> strands_of(const store& from) {
  std::vector<std::string> strands;
  for (std::size_t i = 0; i < from.strand_count(); ++i) strands.emplace_back(from.strand(i));
  return strands;
}

}  // namespace chromatin::dna

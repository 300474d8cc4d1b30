#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "dna/blocks/block_codec.hpp"

namespace chromatin::dna {

/// The payloads of blocks that were decoded, to tell what a read with another index is: a copy of one of them whose
/// index was misread or misprimed, a chimera of some, or something that was not decoded. Compares runs of bases, so a
/// few errors do not matter. Immutable once made: any number of threads.
class known_payloads {
 public:
  known_payloads(const block_codec& codec, std::span<const block> decoded);

  /// A good part of the payload's runs are those of a known one. Reads with more than a tenth of wrong bases are not
  /// explained by anything.
  bool explain(std::string_view payload) const;

 private:
  std::vector<bool> runs_;
  double share_ = 0;  ///< of all possible runs that are known: what a random read would have
};

}  // namespace chromatin::dna

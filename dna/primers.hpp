#pragma once

#include <string>

namespace chromatin::dna {

/// Both primers of a PCR as they are ordered, 5' to 3'. A strand begins with `forward` and ends with the reverse
/// complement of `reverse`.
struct primer_pair {
  std::string forward;
  std::string reverse;

  bool operator==(const primer_pair&) const = default;
};

}  // namespace chromatin::dna

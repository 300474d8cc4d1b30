#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "dna/reads/align.hpp"
#include "dna/geometry/primers.hpp"

namespace chromatin::dna {

/// Tells the partition a read is of by its primers. Immutable: any number of threads.
class demultiplexer {
 public:
  struct hit {
    std::size_t partition = 0;  ///< the pair's number
    trimmed_read read;
    std::size_t at = 0;  ///< where the text that its places are counted in begins in the whole read
    std::size_t of = 0;  ///< bases of that text
  };

  /// `inner_nt`: bases between the primers of each pair's strands, where they are known. Throws std::invalid_argument
  /// where there is no pair, or one is empty.
  explicit demultiplexer(const std::vector<primer_pair>& pairs, const std::vector<std::uint32_t>& inner_nt = {});

  /// The pair whose primers are found best; nothing where none is found or two are found equally well. A read of which
  /// only one primer is left (locate) yields to one of which both are.
  std::optional<hit> locate(std::string_view read) const;

  /// All strands of a read that is a chain of several: the one that locate finds, then those before and after it.
  std::vector<hit> locate_all(std::string_view read) const;

  const primer_locator& locator(std::size_t partition) const { return locators_.at(partition); }

 private:
  std::vector<primer_locator> locators_;
};

}  // namespace chromatin::dna

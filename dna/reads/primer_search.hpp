#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace chromatin::dna {

/// Finds a primer in reads that have errors: edit distances of all places at once, as bits of one machine word (Myers
/// 1999). Some hundred instructions for a window of forty bases. Immutable: any number of threads.
class primer_search {
 public:
  static constexpr std::size_t nt_max = 64;

  struct hit {
    std::size_t begin, end;  ///< half-open
    int edits;
  };

  /// Throws std::invalid_argument for a primer that is empty or longer than nt_max.
  explicit primer_search(std::string_view primer);

  /// The place with the fewest edits, at most `edits_max`; of several that are equally good the one that ends first,
  /// and of these the longest. What is no base (N) matches nothing.
  std::optional<hit> find(std::string_view window, std::size_t edits_max) const;

 private:
  using masks = std::array<std::uint64_t, 5>;  // by base, and what is none: the primer's places that have it

  masks forward_{}, backward_{};
  std::size_t nt_;
};

}  // namespace chromatin::dna

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dna/blocks/block.hpp"
#include "dna/blocks/payload_limits.hpp"
#include "dna/blocks/reed_solomon.hpp"
#include "dna/geometry/strand.hpp"

namespace chromatin::dna {

/// Makes a block's payloads such that synthesis likes them. Two streams are XORed onto its stored bytes: one that seed,
/// leaf and version key, so that no two blocks look alike, all zeros or not; and one of 65,536 numbered ones, whose
/// number takes the first two of the stored bytes. A number stands for the sum of two codewords out of two tables of
/// 256: since the Reed-Solomon code is linear, trying one is an XOR and needs no encoding. Immutable: any number of
/// threads.
class scrambler {
 public:
  /// Throws profile_error where the limits leave so few payloads that blocks could not be written.
  scrambler(const strand_layout& layout, const reed_solomon& code);

  /// XORs the keyed stream onto a block's stored bytes (header and content).
  void apply_key(const block_id& id, std::span<std::uint8_t> stored) const;

  /// XORs the numbered stream and the number itself onto them.
  void apply_number(std::uint16_t number, std::span<std::uint8_t> stored) const;

  /// The number whose stream is `stream[i]` at the stored byte `at[i]` (not the first two), for eight of them at least
  /// and for half of them: by chance one does in less than one search in a thousand million.
  std::optional<std::uint16_t> find_number(std::span<const std::size_t> at, std::span<const std::uint8_t> stream) const;

  /// `molecules`: all payloads of a block, parity included. XORs the first number's codeword onto them that brings
  /// every strand within the profile's limits. False where none of the numbers does.
  bool choose_number(const block_id& id, std::span<std::uint8_t> molecules) const;

 private:
  using words = std::vector<std::uint64_t>;
  template <std::size_t width>
  bool search(const block_id& id, std::span<std::uint8_t> molecules) const;
  words pack(std::span<const std::uint8_t> molecules) const;
  words bases_before(const block_id& id) const;
  double chance() const;
  bool has_motif(const block_id& id, std::span<const std::uint8_t> molecules) const;

  const strand_layout& layout_;
  std::uint32_t molecules_, bytes_, width_;  ///< width: words a molecule takes, with room for bases of the tail
  payload_limits limits_;
  std::vector<std::string> motifs_;                                ///< to avoid, and their complements
  words tail_;                                                     ///< of one molecule
  words high_;                                                     ///< codewords of the number's high byte, one by one
  words low_;                                                      ///< of its low byte, molecule by molecule
  std::vector<std::vector<std::uint8_t>> high_bytes_, low_bytes_;  ///< their data
};

}  // namespace chromatin::dna

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace chromatin::dna {

/// Reed-Solomon over GF(16) (polynomial 0x13, first root 1) across the molecules of a block: the i-th half byte of
/// every molecule, data first, is one codeword. Decodes with libfec; encodes with tables made from it, since the code
/// is linear. Immutable: any number of threads.
class reed_solomon {
 public:
  /// data + parity at most 15, parity at most 8.
  reed_solomon(std::uint32_t data, std::uint32_t parity);

  std::uint32_t data() const { return data_; }
  std::uint32_t parity() const { return parity_; }

  /// `molecules`: data + parity of them, `bytes` each, one after the other. Fills in the parity.
  void add_parity(std::span<std::uint8_t> molecules, std::size_t bytes) const;

  /// Corrects a codeword of data + parity symbols, at most `parity` of them erased, each error counting as two. Says
  /// how many symbols changed or were erased; nothing where they are too many to tell (the codeword is then as it was).
  std::optional<std::uint32_t> correct(std::span<std::uint8_t> codeword, std::span<const std::uint32_t> erasures) const;

 private:
  /// The parity is that of the data: nothing to correct.
  bool fits(std::span<const std::uint8_t> codeword) const;

  std::uint32_t data_, parity_;
  std::shared_ptr<void> code_;
  /// Parity bytes that one byte of a data molecule gives, the first parity molecule's lowest: [molecule][byte].
  std::vector<std::array<std::uint64_t, 256>> tables_;
};

}  // namespace chromatin::dna

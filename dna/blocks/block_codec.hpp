#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dna/blocks/block.hpp"
#include "dna/geometry/strand.hpp"

namespace chromatin::dna {

/// What the reads say about one molecule: a Reed-Solomon symbol (0 to 15, two bases) for each codeword, or `erased`
/// where they do not say. Empty: no read of it. Otherwise symbols() of the profile.
using molecule_symbols = std::vector<std::uint8_t>;
constexpr std::uint8_t erased = 0xff;

/// Two bases a symbol; what is no base (N) erases its symbol, and so does what lies beyond the end. Always `symbols`
/// long.
molecule_symbols symbols_of(std::string_view payload, std::uint32_t symbols);

/// What reads are sure of, of a block that was not decoded: a row for each molecule number, as above.
struct partial_block {
  block_id id;
  std::vector<molecule_symbols> molecules;
};

/// A block's stored bytes (docs/formats.md) without its scramble, where they are known.
struct known_bytes {
  byte_string bytes;
  std::vector<bool> known;
  std::optional<std::uint16_t> number{};  ///< of the scramble
};

/// The outcome of decoding one block. Either there is a block whose checksum was right, or a reason why not.
struct block_decoding {
  std::optional<block> decoded;
  std::uint32_t molecules_missing = 0;
  std::uint32_t symbols_corrected = 0;  ///< errors found, and erasures filled
  std::uint32_t codewords_failed = 0;   ///< more errors and erasures than the parity can take
  std::string reason;                   ///< one line: what was lacking and what it would take. Empty when decoded
};

/// Bytes <-> the molecules of a block (docs/formats.md). Content and header are XORed with a stream that the seed, the
/// leaf and the version key; then numbered streams are tried until GC share and homopolymers of every strand are within
/// the profile's limits, the number standing in the header; then each codeword takes one symbol of every molecule,
/// Reed-Solomon over GF(16) (libfec). A read block is given out only if its checksum is right, which also covers
/// kind, length, leaf, version and partition. Immutable: any number of threads. Keeps a reference to the layout.
class block_codec {
 public:
  explicit block_codec(const strand_layout& layout);
  ~block_codec();
  block_codec(const block_codec&) = delete;
  block_codec& operator=(const block_codec&) = delete;

  const strand_layout& layout() const { return layout_; }
  const profile& geometry() const { return layout_.geometry(); }

  /// Writes molecules() payloads of payload_bytes() each, one after the other. Throws std::invalid_argument for content
  /// that is too long or an id that the profile does not have.
  void encode(const block& from, std::span<std::uint8_t> payloads) const;

  /// The block's strands as they are ordered, molecules() of them.
  std::vector<std::string> encode(const block& from) const;

  /// One codeword by itself: every molecule's symbol as corrected, and how much parity was left over to check it with;
  /// below 0 it could not be corrected.
  struct codeword_reading {
    std::vector<std::uint8_t> symbols;
    int spare = -1;
  };
  std::vector<codeword_reading> read_codewords(std::span<const molecule_symbols> molecules) const;

  /// `molecules`: one entry for each molecule number.
  block_decoding decode(const block_id& id, std::span<const molecule_symbols> molecules) const;

  /// As many bytes as a block stores, none of them known.
  known_bytes nothing_known() const;
  /// The stored bytes that a part of a block tells. None without the number of its scramble, which is looked for in the
  /// part if it is not given.
  known_bytes reveal(const partial_block& part, std::optional<std::uint16_t> number = {}) const;
  /// The number that a part must have, for its symbols to say the bytes that are told: where enough of both are known.
  std::optional<std::uint16_t> find_number(const partial_block& part, const known_bytes& told) const;
  /// The symbols of what is known of a block's stored bytes, number included; `erased` elsewhere. Parity is empty.
  std::vector<molecule_symbols> hide(const block_id& id, const known_bytes& told) const;

 private:
  struct parts;
  struct attempt;
  bool correct(std::span<const molecule_symbols> molecules, std::uint32_t left_out, std::uint32_t codeword,
               attempt& into) const;
  bool correct_without(std::span<const molecule_symbols> molecules, std::uint32_t left_out, attempt& into) const;
  known_bytes read_of(const partial_block& part) const;
  std::optional<block> accept(const block_id& id, std::vector<std::uint8_t> stored) const;
  std::vector<std::uint32_t> suspects(std::span<const molecule_symbols> molecules,
                                      std::span<const std::uint32_t> errors, std::uint32_t most) const;
  std::string reason_of(const block_id& id, const block_decoding& result) const;

  const strand_layout& layout_;
  std::unique_ptr<const parts> parts_;
};

/// Strands of many blocks on up to `threads` threads, in the order of the blocks, one after the other without a
/// separator: strand_nt() bases each, molecules() a block. Throws what encode throws. Where much is encoded, a buffer
/// that is used again saves more than half the time: most of it goes into new pages of memory.
void encode_into(const block_codec& codec, std::span<const block> blocks, std::span<char> strands, unsigned threads);
std::string encode_all(const block_codec& codec, std::span<const block> blocks, unsigned threads);

}  // namespace chromatin::dna

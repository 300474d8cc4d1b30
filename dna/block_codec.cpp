#include "dna/block_codec.hpp"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>
#include <xxhash.h>

#include "dna/reed_solomon.hpp"
#include "dna/scramble.hpp"
#include "dna/sequence.hpp"

namespace chromatin::dna {
namespace {

/// Stored bytes: scramble number (2), kind and length (2), checksum (4), content, zeros. Little-endian.
constexpr std::size_t tag_at = 2, checksum_at = 4;
constexpr std::uint32_t length_bits = 12;

std::uint32_t load(std::span<const std::uint8_t> bytes, std::size_t at, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value |= std::uint32_t{bytes[at + i]} << 8 * i;
  return value;
}

void save(std::span<std::uint8_t> bytes, std::size_t at, std::size_t count, std::uint32_t value) {
  for (std::size_t i = 0; i < count; ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> 8 * i);
}

/// Over kind and length, content and padding; leaf, version and partition are in the seed.
std::uint32_t checksum(std::span<const std::uint8_t> stored, const block_id& id, std::uint64_t seed) {
  const std::uint64_t place[3]{seed, id.leaf, id.version};
  const auto content = stored.subspan(profile::header_bytes);
  const auto hash =
      XXH3_64bits_withSeed(content.data(), content.size(), XXH3_64bits(place, sizeof place) ^ load(stored, tag_at, 2));
  return static_cast<std::uint32_t>(hash);
}

}  // namespace

struct block_codec::parts {
  explicit parts(const strand_layout& layout)
      : code{layout.geometry().data_molecules, layout.geometry().parity_molecules}, scramble{layout, code} {}
  reed_solomon code;
  scrambler scramble;
};

molecule_symbols symbols_of(std::string_view payload, std::uint32_t symbols) {
  molecule_symbols found(symbols, erased);
  for (std::size_t i = 0; i < symbols && 2 * i + 1 < payload.size(); ++i) {
    const int first = base_index(payload[2 * i]), second = base_index(payload[2 * i + 1]);
    if (first >= 0 && second >= 0) found[i] = static_cast<std::uint8_t>(first << 2 | second);
  }
  return found;
}

block_codec::block_codec(const strand_layout& layout)
    : layout_{layout}, parts_{std::make_unique<const parts>(layout)} {}
block_codec::~block_codec() = default;

void block_codec::encode(const block& from, std::span<std::uint8_t> payloads) const {
  const auto& g = geometry();
  if (from.content.size() > g.block_bytes())
    throw std::invalid_argument{fmt::format("{} bytes do not fit a block of {}", from.content.size(), g.block_bytes())};
  if (from.id.leaf >= g.leaves() || from.id.version >= g.versions())
    throw std::invalid_argument{fmt::format("no version {} at leaf {}", from.id.version, from.id.leaf)};
  if (payloads.size() != std::size_t{g.molecules()} * g.payload_bytes())
    throw std::invalid_argument{"no room for just the payloads of a block"};
  std::fill(payloads.begin(), payloads.end(), std::uint8_t{0});
  const auto stored = payloads.first(std::size_t{g.data_molecules} * g.payload_bytes());
  std::copy(from.content.begin(), from.content.end(), stored.begin() + profile::header_bytes);
  save(stored, tag_at, 2,
       static_cast<std::uint32_t>(from.kind) << length_bits | static_cast<std::uint32_t>(from.content.size()));
  save(stored, checksum_at, 4, checksum(stored, from.id, layout_.partition().seed));
  parts_->scramble.apply_key(from.id, stored);
  parts_->code.add_parity(payloads, g.payload_bytes());
  if (!parts_->scramble.choose_number(from.id, payloads))
    throw std::runtime_error{fmt::format("leaf {} version {}: no scramble keeps within the limits of profile {}",
                                         from.id.leaf, from.id.version, g.name)};
}

std::vector<std::string> block_codec::encode(const block& from) const {
  const auto& g = geometry();
  std::vector<std::uint8_t> payloads(std::size_t{g.molecules()} * g.payload_bytes());
  encode(from, payloads);
  std::vector<std::string> strands;
  for (std::uint32_t m = 0; m < g.molecules(); ++m)
    strands.push_back(
        layout_.assemble({from.id.leaf, from.id.version, m},
                         std::span{payloads}.subspan(std::size_t{m} * g.payload_bytes(), g.payload_bytes())));
  return strands;
}

block_decoding block_codec::decode(const block_id& id, std::span<const molecule_symbols> molecules) const {
  const auto& g = geometry();
  if (molecules.size() != g.molecules()) throw std::invalid_argument{"not all molecules of a block"};
  block_decoding result;
  for (const auto& molecule : molecules) result.molecules_missing += molecule.empty();
  std::vector<std::uint8_t> stored(std::size_t{g.data_molecules} * g.payload_bytes());
  std::vector<std::uint8_t> codeword(g.molecules());
  std::vector<std::uint32_t> erasures;
  for (std::uint32_t c = 0; c < g.symbols(); ++c) {
    erasures.clear();
    for (std::uint32_t m = 0; m < g.molecules(); ++m) {
      codeword[m] = molecules[m].empty() ? erased : molecules[m].at(c);
      if (codeword[m] == erased) codeword[m] = 0, erasures.push_back(m);
    }
    const auto changed = parts_->code.correct(codeword, erasures);
    if (!changed) ++result.codewords_failed;
    result.symbols_corrected += changed.value_or(0);
    for (std::uint32_t m = 0; m < g.data_molecules; ++m)
      stored[m * g.payload_bytes() + c / 2] |= static_cast<std::uint8_t>(codeword[m] << (c % 2 == 0 ? 4 : 0));
  }
  if (result.codewords_failed == 0) {
    parts_->scramble.apply_key(id, stored);
    parts_->scramble.apply_number(static_cast<std::uint16_t>(load(stored, 0, 2)), stored);
    const auto tag = load(stored, tag_at, 2);
    const auto length = tag & ((1U << length_bits) - 1), kind = tag >> length_bits;
    if (length <= g.block_bytes() && kind <= static_cast<std::uint32_t>(block_kind::journal) &&
        load(stored, checksum_at, 4) == checksum(stored, id, layout_.partition().seed)) {
      const auto content = std::span{stored}.subspan(profile::header_bytes, length);
      result.decoded = block{id, static_cast<block_kind>(kind), {content.begin(), content.end()}};
      return result;
    }
  }
  const auto where = fmt::format("leaf {} version {}", id.leaf, id.version);
  if (result.molecules_missing > g.parity_molecules)
    result.reason = fmt::format("{}: {} of {} molecules were not read, {} can be made up for: {} more are needed",
                                where, result.molecules_missing, g.molecules(), g.parity_molecules,
                                result.molecules_missing - g.parity_molecules);
  else if (result.codewords_failed > 0)
    result.reason =
        fmt::format("{}: {} of {} codewords have more wrong symbols than {} of {} molecules can correct", where,
                    result.codewords_failed, g.symbols(), g.molecules() - result.molecules_missing, g.molecules());
  else
    result.reason = fmt::format("{}: the checksum does not match what was corrected", where);
  return result;
}

std::string encode_all(const block_codec& codec, std::span<const block> blocks, unsigned threads) {
  const auto& g = codec.geometry();
  const auto stride = std::size_t{g.strand_nt()} * g.molecules();
  std::string all(blocks.size() * stride, '\0');
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i; (i = next++) < blocks.size();) {
      auto* to = &all[i * stride];
      for (const auto& strand : codec.encode(blocks[i])) to = std::copy(strand.begin(), strand.end(), to);
    }
  };
  std::vector<std::jthread> others;
  for (unsigned i = 1; i < threads; ++i) others.emplace_back(work);
  work();
  return others.clear(), all;
}

}  // namespace chromatin::dna

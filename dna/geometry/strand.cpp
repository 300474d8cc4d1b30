#include "dna/geometry/strand.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <fmt/format.h>

#include "dna/geometry/sequence.hpp"

namespace chromatin::dna {
namespace {

constexpr std::string_view letters = "ACGT";

std::optional<std::uint32_t> molecule_of(std::uint32_t pair, std::uint32_t last) {
  if (pair == 5 * last) return {};
  return pair < 5 * last ? pair : pair - 1;
}

std::optional<std::uint32_t> number_of(std::string_view bases) {
  std::uint32_t number = 0;
  for (const char base : bases) {
    const int index = base_index(base);
    if (index < 0) return {};
    number = number << 2 | static_cast<std::uint32_t>(index);
  }
  return number;
}

}  // namespace

/// The fifteen pairs other than the same base twice, in order.
std::uint32_t molecule_pair(std::uint32_t molecule, char version_base) {
  return molecule < 5U * static_cast<std::uint32_t>(base_index(version_base)) ? molecule : molecule + 1;
}

strand_layout::strand_layout(partition_description partition)
    : partition_{describe(partition.geometry, partition.primers, partition.seed)},
      tail_{reverse_complement(partition_.primers.reverse)},
      addresses_{partition_.geometry.index, partition_.geometry.levels, partition_.seed} {}

/// Slot 0 begins right after the address's last base in the alphabet, so that it does not lengthen a run.
std::string strand_layout::version_bases(std::uint32_t leaf, std::uint32_t version) const {
  const auto slots = geometry().versions();
  const auto last = static_cast<std::uint32_t>(base_index(addresses_.bases(leaf).back()));
  const auto value = (version + (last + 1) * (slots / 4)) % slots;
  std::string bases;
  for (std::uint32_t i = geometry().version_nt; i-- > 0;) bases += letters[value >> 2 * i & 3];
  return bases;
}

std::string strand_layout::block_index(std::uint32_t leaf, std::uint32_t version) const {
  return geometry().sync + addresses_.bases(leaf) + version_bases(leaf, version);
}

std::string strand_layout::index_bases(const strand_id& id) const {
  const auto& g = geometry();
  if (id.leaf >= g.leaves() || id.version >= g.versions() || id.molecule >= g.molecules())
    throw std::out_of_range{
        fmt::format("no molecule {} of version {} at leaf {} in profile {}", id.molecule, id.version, id.leaf, g.name)};
  auto bases = block_index(id.leaf, id.version);
  const auto pair = molecule_pair(id.molecule, bases.back());
  bases += letters[pair >> 2];
  bases += letters[pair & 3];
  return bases;
}

std::string strand_layout::assemble(const strand_id& id, std::span<const std::uint8_t> payload) const {
  if (payload.size() != geometry().payload_bytes())
    throw std::invalid_argument{
        fmt::format("a payload of {} bytes, not {}", payload.size(), geometry().payload_bytes())};
  std::string strand;
  strand.reserve(geometry().strand_nt());
  strand += head();
  strand += index_bases(id);
  for (const auto byte : payload)
    for (int shift = 6; shift >= 0; shift -= 2) strand += letters[byte >> shift & 3];
  return strand += tail_;
}

void strand_layout::assemble_block(std::uint32_t leaf, std::uint32_t version, std::span<const std::uint8_t> payloads,
                                   std::span<char> to) const {
  static const auto four_bases = [] {
    std::array<std::array<char, 4>, 256> table{};
    for (std::size_t byte = 0; byte < table.size(); ++byte)
      for (std::size_t i = 0; i < 4; ++i) table[byte][i] = letters[byte >> (6 - 2 * i) & 3];
    return table;
  }();
  const auto& g = geometry();
  if (payloads.size() != std::size_t{g.molecules()} * g.payload_bytes() ||
      to.size() != std::size_t{g.molecules()} * g.strand_nt())
    throw std::invalid_argument{"not all molecules of a block"};
  const auto front = head() + block_index(leaf, version);
  auto* at = to.data();
  for (std::uint32_t m = 0; m < g.molecules(); ++m) {
    at = std::copy(front.begin(), front.end(), at);
    const auto pair = molecule_pair(m, front.back());
    *at++ = letters[pair >> 2];
    *at++ = letters[pair & 3];
    for (const auto byte : payloads.subspan(std::size_t{m} * g.payload_bytes(), g.payload_bytes()))
      at = std::copy(four_bases[byte].begin(), four_bases[byte].end(), at);
    at = std::copy(tail_.begin(), tail_.end(), at);
  }
}

std::string strand_layout::elongated_primer(const subtree& node) const {
  return head() + geometry().sync + addresses_.prefix(node);
}

std::optional<parsed_strand> strand_layout::parse(std::string_view trimmed) const {
  const auto& g = geometry();
  if (trimmed.size() < g.index_nt()) return {};
  const auto text = trimmed.substr(g.sync.size());
  const auto address = addresses_.nearest(text);
  if (!address) return {};
  const auto rest = text.substr(address->length);
  if (rest.size() < g.version_nt + g.molecule_nt) return {};
  const auto slots = g.versions();
  const auto value = number_of(rest.substr(0, g.version_nt));
  const auto pair = number_of(rest.substr(g.version_nt, g.molecule_nt));
  if (!value || !pair) return {};
  const auto last = static_cast<std::uint32_t>(base_index(addresses_.bases(address->leaf).back()));
  const auto version = (*value + slots - (last + 1) * (slots / 4) % slots) % slots;
  const auto molecule = molecule_of(*pair, *value & 3);
  if (!molecule || *molecule >= g.molecules()) return {};
  return parsed_strand{
      {address->leaf, version, *molecule}, rest.substr(g.version_nt + g.molecule_nt), {}, address->edits};
}

}  // namespace chromatin::dna

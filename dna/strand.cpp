#include "dna/strand.hpp"

#include <stdexcept>

#include <fmt/format.h>

#include "dna/sequence.hpp"

namespace chromatin::dna {
namespace {

constexpr std::string_view letters = "ACGT";

/// The fifteen pairs other than `last` twice, in order.
std::uint32_t pair_of(std::uint32_t molecule, std::uint32_t last) {
  return molecule < 5 * last ? molecule : molecule + 1;
}

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

void append_bases(std::string& to, std::span<const std::uint8_t> bytes) {
  for (const auto byte : bytes)
    for (int shift = 6; shift >= 0; shift -= 2) to += letters[byte >> shift & 3];
}

strand_layout::strand_layout(partition_description partition)
    : partition_{describe(partition.geometry, partition.primers, partition.seed)},
      tail_{reverse_complement(partition_.primers.reverse)},
      addresses_{partition_.geometry.levels, partition_.seed} {}

/// Slot 0 begins right after the address's last base in the alphabet, so that it does not lengthen a run.
std::string strand_layout::version_bases(std::uint32_t leaf, std::uint32_t version) const {
  const auto slots = geometry().versions();
  const auto last = static_cast<std::uint32_t>(base_index(addresses_.bases(leaf).back()));
  const auto value = (version + (last + 1) * (slots / 4)) % slots;
  std::string bases;
  for (std::uint32_t i = geometry().version_nt; i-- > 0;) bases += letters[value >> 2 * i & 3];
  return bases;
}

std::string strand_layout::index_bases(const strand_id& id) const {
  const auto& g = geometry();
  if (id.leaf >= g.leaves() || id.version >= g.versions() || id.molecule >= g.molecules())
    throw std::out_of_range{
        fmt::format("no molecule {} of version {} at leaf {} in profile {}", id.molecule, id.version, id.leaf, g.name)};
  auto bases = g.sync + addresses_.bases(id.leaf) + version_bases(id.leaf, id.version);
  const auto pair = pair_of(id.molecule, static_cast<std::uint32_t>(base_index(bases.back())));
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
  append_bases(strand, payload);
  return strand += tail_;
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
  return parsed_strand{{address->leaf, version, *molecule}, rest.substr(g.version_nt + g.molecule_nt), address->edits};
}

}  // namespace chromatin::dna

#include "dna/geometry/profile.hpp"

#include <fmt/format.h>

#include "dna/geometry/sequence.hpp"

namespace chromatin::dna {
namespace {

void within(std::string_view what, std::uint32_t value, std::uint32_t least, std::uint32_t most) {
  if (value < least || value > most)
    throw profile_error{fmt::format("profile: {} = {}, but it must be {} to {}", what, value, least, most)};
}

}  // namespace

std::uint32_t profile::index_nt() const {
  return static_cast<std::uint32_t>(sync.size()) + address_nt() + version_nt + molecule_nt;
}

std::uint32_t profile::strand_nt() const { return 2 * primer_nt + index_nt() + payload_nt; }

double profile::bits_per_nt() const { return 8.0 * block_bytes() / (molecules() * strand_nt() * (1 + outer)); }

double profile::bits_per_nt_without_primers() const {
  return 8.0 * block_bytes() / (molecules() * (strand_nt() - 2 * primer_nt) * (1 + outer));
}

void profile::check() const {
  within("primer_nt", primer_nt, 15, 35);
  within("length of sync", static_cast<std::uint32_t>(sync.size()), 0, 8);
  for (const char base : sync)
    if (base_index(base) < 0)
      throw profile_error{fmt::format("profile: sync = \"{}\", but it may hold A, C, G and T only", sync)};
  within("levels", levels, 1, index_shape::levels_max);
  within("version_nt", version_nt, 1, 2);
  within("molecule_nt", molecule_nt, 2, 2);
  within("payload_nt", payload_nt, 16, 256);
  if (payload_nt % 4 != 0)
    throw profile_error{
        fmt::format("profile: payload_nt = {}, but it must be a multiple of 4 (whole bytes)", payload_nt)};
  within("data_molecules", data_molecules, 1, 13);
  within("parity_molecules", parity_molecules, 2, 8);
  within("data_molecules + parity_molecules", molecules(), 3, 15);
  within("bytes of a block with its header", data_molecules * payload_bytes(), header_bytes + 24, header_bytes + 4095);
  if (!(outer >= 0 && outer <= 1))
    throw profile_error{fmt::format("profile: outer = {}, but it must be \"0%\" to \"100%\"", outer)};
  if (outer > 0) within("leaves with an outer code", leaves(), 16, 1U << 2 * index_shape::levels_max);
  within("homopolymer_max", homopolymer_max, 3, 16);
  for (const auto& motif : avoid) {
    within("length of a motif to avoid", static_cast<std::uint32_t>(motif.size()), 4, 20);
    for (const char base : motif)
      if (base_index(base) < 0)
        throw profile_error{fmt::format("profile: avoid = \"{}\", but it may hold A, C, G and T only", motif)};
  }
  if (directory_journals) {
    if (!index.quaternary())
      throw profile_error{
          "profile: directory_journals = true, but directories get subtrees of their own only of a quaternary index"};
    if (!avoid.empty())
      throw profile_error{
          "profile: directory_journals = true, but a directory's journal begins at its first leaf, whatever motif that "
          "has to avoid"};
    within("levels with directory_journals", levels, 4, index_shape::levels_max);
    within("bytes of a block with directory_journals", block_bytes(), 64, 4095);
  }
  if (!(gc_min >= 0 && gc_min <= 0.5 && gc_max >= 0.5 && gc_max <= 1))
    throw profile_error{
        fmt::format("profile: gc_min = {}, gc_max = {}, but they must be 0 to 0.5 and 0.5 to 1", gc_min, gc_max)};
}

profile built_in_profile(std::string_view name) {
  profile found;
  if (name == found.name) return found;
  if (name == "200nt") {
    found.name = name;
    found.payload_nt = 144;
    found.homopolymer_max = 5;
    return found;
  }
  if (name == "poor") {
    found.name = name;
    found.data_molecules = 7;
    found.parity_molecules = 8;
    found.outer = 0.1;
    return found;
  }
  if (name == "archive") {
    found.name = name;
    found.levels = 8;
    found.version_nt = 2;
    found.payload_nt = 136;
    found.homopolymer_max = 5;
    found.directory_journals = true;
    return found;
  }
  throw profile_error{
      fmt::format("no built-in profile is called \"{}\": there are 150nt, 200nt, poor and archive", name)};
}

}  // namespace chromatin::dna

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dna/geometry/primers.hpp"
#include "dna/geometry/profile.hpp"

namespace chromatin::dna {

/// What must be known to read a tube: the geometry and the primer pair. The seed (address tree, scrambling) follows
/// from the primers unless it is given.
struct partition_description {
  profile geometry;
  primer_pair primers;
  std::uint64_t seed = 0;

  bool operator==(const partition_description&) const = default;
};

/// What a store says was written so far. Who reads a tube learns from it how many commits there ought to be.
struct contents_note {
  std::uint32_t commits = 0;
  std::uint64_t strands = 0;
  std::uint64_t checksum = 0;  ///< XXH3-64 over the bases of these strands, in their order
  std::uint32_t orders = 0;

  bool operator==(const contents_note&) const = default;
};

/// Checks everything and fills in the seed. Throws profile_error.
partition_description describe(profile geometry, primer_pair primers);
partition_description describe(profile geometry, primer_pair primers, std::uint64_t seed);

std::uint64_t seed_of(const primer_pair& primers);

/// A TOML file with [primers] forward, reverse; [profile] …; and, where it is not the primers' own, seed = "hex".
/// `origin` is for messages. Throws profile_error.
partition_description description_from_toml(std::string_view text, std::string_view origin);
std::string to_toml(const partition_description& partition);

/// The same file's section [contents]; nothing where it has none, as in files written before there was one.
std::optional<contents_note> contents_from_toml(std::string_view text, std::string_view origin);
std::string to_toml(const partition_description& partition, const contents_note& contents);

}  // namespace chromatin::dna

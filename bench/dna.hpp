#pragma once

/// The parts of `chromatin bench dna`, one file each. Every part prints its table and returns the figures.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "dna/blocks/block_codec.hpp"

namespace chromatin::bench {

struct dna_setup {
  bool quick = false;
  unsigned threads = 2;
  std::uint64_t seed = 1;
  std::filesystem::path real_reads;  ///< folder of the real reads; parts that lack them say so
  std::vector<std::uint8_t> text;    ///< Alice's Adventures in Wonderland: 595 blocks of 256 bytes
};

nlohmann::ordered_json dna_precision(const dna_setup& setup);
nlohmann::ordered_json dna_reliability(const dna_setup& setup);
nlohmann::ordered_json dna_speed(const dna_setup& setup);
nlohmann::ordered_json dna_real_reads(const dna_setup& setup);
nlohmann::ordered_json dna_density(const dna_setup& setup);

/// The partition that all parts use: default geometry.
const dna::strand_layout& dna_layout();
const dna::block_codec& dna_codec();
/// One block a leaf, from leaf 0 on.
std::vector<dna::block> text_blocks(const dna_setup& setup);
std::vector<std::string> strands_of(const std::vector<dna::block>& blocks);

/// A line on stderr that says what is measured and how far it is; nothing where stderr is no terminal.
void show_progress(const std::string& what, std::size_t done, std::size_t total);

}  // namespace chromatin::bench

#pragma once

/// The parts of `chromatin bench dna`, one file each. Every part prints its table and returns the figures.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "dna/blocks/block_codec.hpp"

namespace chromatin::bench {

struct dna_setup {
  bool quick = false;
  unsigned threads = 2;
  std::uint64_t seed = 1;
  std::string tool;                  ///< a channel of somebody else's, as a command
  std::filesystem::path real_reads;  ///< folder of the real reads; parts that lack them say so
  std::vector<std::uint8_t> text;    ///< Alice's Adventures in Wonderland: 595 blocks of 256 bytes
};

nlohmann::ordered_json dna_precision(const dna_setup& setup);
nlohmann::ordered_json dna_reliability(const dna_setup& setup);
nlohmann::ordered_json dna_trials(const dna_setup& setup);
nlohmann::ordered_json dna_channel(const dna_setup& setup);
nlohmann::ordered_json dna_speed(const dna_setup& setup);
nlohmann::ordered_json dna_real_reads(const dna_setup& setup);
nlohmann::ordered_json dna_carried(const dna_setup& setup);
nlohmann::ordered_json dna_density(const dna_setup& setup);

/// What became of the strands of a real pool, to be done to others (dna_carried.cpp).
class pool_fates {
 public:
  pool_fates(const std::filesystem::path& oligos, const std::filesystem::path& reads);
  ~pool_fates();
  double depth() const;  ///< reads an oligo
  /// Reads of these strands as if each were one of the pool's oligos, thinned out to this coverage, in a random order.
  std::vector<std::string> reads_of(const std::vector<std::string>& strands, double coverage, std::uint64_t seed) const;

 private:
  struct data;
  std::unique_ptr<data> data_;
};

/// The seed of one run of a part: no two runs, parts or seeds share one.
std::uint64_t run_seed(const dna_setup& setup, std::string_view part, std::uint64_t run);

/// Calls `one` for every run below `count`, on the threads of `setup`.
void for_each_run(const dna_setup& setup, std::size_t count, const std::function<void(std::size_t run)>& one);

/// Wilson's interval of a share, 95 %.
std::pair<double, double> interval(std::uint64_t right, std::uint64_t all);

/// The partition that all parts use: default geometry.
const dna::strand_layout& dna_layout();
const dna::block_codec& dna_codec();
/// One block a leaf, from leaf 0 on.
std::vector<dna::block> text_blocks(const dna_setup& setup);
std::vector<std::string> strands_of(const std::vector<dna::block>& blocks);

/// A line on stderr that says what is measured and how far it is; nothing where stderr is no terminal.
void show_progress(const std::string& what, std::size_t done, std::size_t total);

}  // namespace chromatin::bench

#pragma once

/// A laboratory that is a model (dna/wetlab): orders take the virtual time that the options say, tubes and reads follow
/// from the seed and the orders. It keeps nothing: after a restart it is given the same orders at the same times, and
/// has the same tubes. Strands are synthesised once, when they are ordered, and reads cost what their own primers
/// bring: of what no primer is near, a sample stands for the rest (dna/wetlab/sampled_pcr.hpp). What was drawn last is
/// remembered: where reads did not do they are read again, with those that were ordered after them.

#include <list>
#include <map>

#include "archive/laboratory.hpp"
#include "dna/wetlab/error_profile.hpp"
#include "dna/wetlab/sampled_pcr.hpp"
#include "dna/wetlab/sequencer.hpp"
#include "dna/wetlab/synthesis.hpp"
#include "kv/chunk.hpp"

namespace chromatin::archive {

struct simulator_options {
  simulator_options();
  /// Copies as uneven as the profile was measured, as many strands lost, and its errors in reads.
  static simulator_options of(const dna::wetlab::error_profile& profile);

  std::uint64_t seed = 1;
  std::chrono::seconds synthesis_time = std::chrono::days{14};
  std::chrono::seconds sequencing_time = std::chrono::hours{36};  ///< with the PCR
  dna::wetlab::synthesis_options synthesis;
  dna::wetlab::pcr_options pcr;
  dna::wetlab::pcr_sampling sampling{.far_strands_max = 4096, .far_primers_max = 4};
  dna::wetlab::error_profile errors = dna::wetlab::illumina_profile();  ///< of reads
  double coverage_variation = 0;  ///< of what molecules yield beyond their copies, standard deviation over mean
  std::size_t reads_remembered_max = 1 << 19;  ///< in all orders: some 200 MB where each is of another molecule
};

class simulator final : public laboratory {
 public:
  explicit simulator(simulator_options options) : options_{std::move(options)} {}

  bool simulated() const override { return true; }
  lab_times usual() const override { return {options_.synthesis_time, options_.sequencing_time}; }
  void order(const synthesis_order& what, lab_time now) override;
  void order(const sequencing_order& what, lab_time now) override;
  lab_answer look(std::string_view name, lab_time now) override;
  /// Names of reads begin with "simulated.".
  void read(std::string_view name, lab_time now, const std::function<void(const dna::read&)>& take) override;

 private:
  /// Hash of an order's description, which is as long as its strands.
  using said = kv::hash128;
  struct synthesis {
    said what;
    lab_time at;
    std::string tube;
    dna::wetlab::tube made;
  };
  struct sequencing {
    said what;
    lab_time at;
    sequencing_order order;
  };

  std::uint64_t seed_of(std::string_view name) const;
  /// True where the order is new. Throws laboratory_error where another one has its name.
  bool is_new(const std::string& name, const said& what) const;
  bool has_come(const synthesis& one, lab_time when) const { return one.at + options_.synthesis_time <= when; }
  /// Throws laboratory_error where nothing is in the tube by then.
  void check_tube(const std::string& name, lab_time when) const;
  /// What of a tube's orders had come by then, poured together in the order of their names.
  dna::wetlab::tube tube_at(const std::string& name, lab_time when) const;
  /// What the order's reads are of, remembered from now on.
  const dna::wetlab::sequencing_run& run_of(const sequencing& one);

  simulator_options options_;
  std::map<std::string, synthesis, std::less<>> syntheses_;
  std::map<std::string, sequencing, std::less<>> sequencings_;
  std::list<std::pair<std::string, dna::wetlab::sequencing_run>> remembered_;  // by order, the one read last first
};

}  // namespace chromatin::archive

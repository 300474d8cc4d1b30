#pragma once

/// A laboratory that is a model (dna/wetlab): orders take the virtual time that the options say, tubes and reads follow
/// from the seed and the orders. It keeps nothing: after a restart it is given the same orders at the same times, and
/// has the same tubes.

#include <map>

#include "archive/laboratory.hpp"
#include "dna/wetlab/error_profile.hpp"
#include "dna/wetlab/synthesis.hpp"

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
  dna::wetlab::error_profile errors = dna::wetlab::illumina_profile();  ///< of reads
  double coverage_variation = 0;  ///< of what molecules yield beyond their copies, standard deviation over mean
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
  template <class Order>
  struct given {
    Order what;
    lab_time at;
  };
  template <class Order>
  using orders = std::map<std::string, given<Order>, std::less<>>;

  std::uint64_t seed_of(std::string_view name) const;
  void check_new(const std::string& name, const std::string& description) const;
  /// What of a tube's orders had come by then, poured together in the order of their names; throws laboratory_error
  /// where nothing had.
  dna::wetlab::tube tube_at(const std::string& name, lab_time when) const;

  simulator_options options_;
  orders<synthesis_order> syntheses_;
  orders<sequencing_order> sequencings_;
};

}  // namespace chromatin::archive

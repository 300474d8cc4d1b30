#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "dna/reads/reads.hpp"
#include "dna/wetlab/draw.hpp"
#include "dna/wetlab/error_profile.hpp"
#include "dna/wetlab/tube.hpp"

namespace chromatin::dna::wetlab {

/// Damages one strand after the other as a profile says. Not copyable state: a generator; one thread at a time.
class channel {
 public:
  channel(error_profile profile, std::uint64_t seed);

  /// The strand as it is read, forwards; `quality` as Phred + 33. Strings are reused.
  void pass(std::string_view strand, std::string& bases, std::string& quality);
  /// The same in a random direction; true if it is the other strand that is read.
  bool pass_either(std::string_view strand, std::string& bases, std::string& quality);

 private:
  std::size_t next_error(std::size_t from, std::size_t length);
  void put_error(char base, std::string& bases, std::string& quality);
  char phred(int quality);
  std::size_t pick(const std::array<double, 4>& shares);

  error_profile profile_;
  double rate_max_;  // where errors are densest
  generator random_;
  std::uniform_real_distribution<double> chance_;
};

/// What a sequencer takes out of a tube: all that its reads are of, without what else is in there.
struct sequencing_run {
  struct molecule {
    std::string bases, origin;
  };
  std::vector<molecule> molecules;   ///< each that a read is of
  std::vector<std::uint32_t> reads;  ///< of which of them each is
  std::uint64_t error_seed = 0;
};

/// The two steps of `sequence`, for reads that are wanted more than once.
sequencing_run draw_molecules(const tube& from, std::uint64_t count, double coverage_variation, std::uint64_t seed);
void read_molecules(const sequencing_run& run, const error_profile& profile,
                    const std::function<void(const read&)>& take);

/// Draws `count` molecules in proportion to their copies, reads each, and gives the reads to `take`. Names are
/// "simulated.N.ORIGIN", so that a file of them says what it is. `coverage_variation` skews what each species yields
/// (gamma, standard deviation over mean), on top of the copies. Throws std::invalid_argument for an empty tube.
void sequence(const tube& from, std::uint64_t count, const error_profile& profile, double coverage_variation,
              std::uint64_t seed, const std::function<void(const read&)>& take);

}  // namespace chromatin::dna::wetlab

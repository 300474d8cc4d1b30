#pragma once

#include <map>
#include <string>
#include <vector>

#include "dna/wetlab/trial.hpp"

namespace chromatin::dna::wetlab {

/// What was put, by commit; nothing at commit 0.
struct trial_truth {
  std::vector<std::map<std::string, byte_string>> contents{{}};
};

/// Compares what was given of a tube with what was put into it. `found`: the partition as it was read; `written`: as it
/// is. Adds to `into`.
void check_trial(const recovery& given, const partition& found, const partition& written, const trial_truth& truth,
                 trial_result& into);

}  // namespace chromatin::dna::wetlab

#include "dna/wetlab/calibrate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <stdexcept>

#include <edlib.h>

#include "dna/geometry/sequence.hpp"

namespace chromatin::dna {

namespace {

constexpr std::size_t seed_nt = 12;
/// A seed of more references than this is a primer or a repeat, and says nothing.
constexpr std::size_t seed_references_max = 16;
constexpr std::size_t candidates_max = 4;
constexpr int far = std::numeric_limits<int>::max();

/// Calls `use(seed)` for every run of seed_nt bases, every `step` positions.
template <class F>
void for_each_seed(std::string_view bases, std::size_t step, F use) {
  for (std::size_t at = 0; at + seed_nt <= bases.size(); at += step) {
    std::uint64_t seed = 0;
    bool known = true;
    for (const char base : bases.substr(at, seed_nt)) {
      known = known && base_index(base) >= 0;
      seed = seed << 2 | static_cast<std::uint64_t>(base_index(base) & 3);
    }
    if (known) use(seed);
  }
}

/// Edits between a read and a whole reference, `far` beyond the share that is still called one.
EdlibAlignResult align(std::string_view read, std::string_view reference, EdlibAlignTask task) {
  const auto config = edlibNewAlignConfig(static_cast<int>(reference.size() * 3 / 10), EDLIB_MODE_NW, task, nullptr, 0);
  return edlibAlign(read.data(), static_cast<int>(read.size()), reference.data(), static_cast<int>(reference.size()),
                    config);
}

int edits(std::string_view read, std::string_view reference) {
  auto result = align(read, reference, EDLIB_TASK_DISTANCE);
  const int distance = result.status == EDLIB_STATUS_OK && result.editDistance >= 0 ? result.editDistance : far;
  edlibFreeAlignResult(result);
  return distance;
}

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

struct calibrator::match {
  std::uint32_t reference = 0;
  bool reversed = false;
  int weight = far;  // seeds in common, then edits
};

calibrator::calibrator(std::vector<std::string> references) : references_{std::move(references)} {
  if (references_.empty()) throw std::invalid_argument{"calibrate: no reference sequences"};
  std::size_t longest = 0;
  for (std::uint32_t i = 0; i < references_.size(); ++i) {
    if (references_[i].empty()) throw std::invalid_argument{"calibrate: an empty reference sequence"};
    longest = std::max(longest, references_[i].size());
    whole_.emplace(references_[i], i);
    for_each_seed(references_[i], seed_nt / 2, [&](std::uint64_t seed) {
      auto& holders = seeds_[seed];
      if (holders.size() <= seed_references_max && (holders.empty() || holders.back() != i)) holders.push_back(i);
    });
  }
  result_.errors_at.resize(longest);
  result_.coverage.resize(references_.size());
}

void calibrator::vote(std::string_view read, bool reversed, std::vector<match>& candidates) const {
  std::map<std::uint32_t, int> votes;
  for_each_seed(read, 1, [&](std::uint64_t seed) {
    const auto found = seeds_.find(seed);
    if (found == seeds_.end() || found->second.size() > seed_references_max) return;
    for (const auto reference : found->second) ++votes[reference];
  });
  for (const auto& [reference, count] : votes) candidates.push_back({reference, reversed, count});
}

calibrator::match calibrator::nearest(std::string_view read, std::string_view turned) const {
  std::vector<match> candidates;
  vote(read, false, candidates);
  vote(turned, true, candidates);
  const auto kept = std::min(candidates.size(), candidates_max);
  std::partial_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(kept), candidates.end(),
                    [](const match& a, const match& b) { return a.weight > b.weight; });
  match best;
  bool tie = false;
  for (std::size_t i = 0; i < kept; ++i) {
    auto candidate = candidates[i];
    candidate.weight = edits(candidate.reversed ? turned : read, references_[candidate.reference]);
    if (candidate.weight < best.weight) {
      best = candidate;
      tie = false;
    } else {
      tie = tie || candidate.weight == best.weight;
    }
  }
  return tie ? match{} : best;
}

void calibrator::count(std::string_view read, std::size_t index) {
  const auto& reference = references_[index];
  auto result = align(read, reference, EDLIB_TASK_PATH);
  std::size_t from = 0, to = 0;
  for (int i = 0; i < result.alignmentLength; ++i) {
    const auto step = result.alignment[i];
    const int read_base = step == EDLIB_EDOP_DELETE ? -1 : base_index(read[from]);
    const int base = step == EDLIB_EDOP_INSERT ? -1 : base_index(reference[to]);
    if (step != EDLIB_EDOP_MATCH) ++result_.errors_at[std::min(to, reference.size() - 1)];
    if (step == EDLIB_EDOP_MISMATCH) ++result_.substitutions;
    if (step == EDLIB_EDOP_DELETE) ++result_.deletions;
    if (step == EDLIB_EDOP_INSERT) ++result_.insertions;
    if (read_base >= 0 && base >= 0)
      ++result_.confusion[static_cast<std::size_t>(base)][static_cast<std::size_t>(read_base)];
    if (step == EDLIB_EDOP_DELETE && base >= 0) ++result_.deleted[static_cast<std::size_t>(base)];
    if (step == EDLIB_EDOP_INSERT && read_base >= 0) ++result_.inserted[static_cast<std::size_t>(read_base)];
    from += step != EDLIB_EDOP_DELETE;
    to += step != EDLIB_EDOP_INSERT;
  }
  if (result.editDistance == 0) ++result_.perfect;
  edlibFreeAlignResult(result);
  result_.bases += reference.size();
  ++result_.coverage[index];
}

std::optional<std::uint32_t> calibrator::add(std::string_view read) {
  ++result_.reads;
  const auto turned = reverse_complement(read);
  match best;
  if (const auto exact = whole_.find(read); exact != whole_.end()) {
    best = {exact->second, false, 0};
  } else if (const auto other = whole_.find(turned); other != whole_.end()) {
    best = {other->second, true, 0};
  } else {
    best = nearest(read, turned);
  }
  if (best.weight == far) {
    ++result_.unassigned;
    return {};
  }
  result_.reversed += best.reversed;
  count(best.reversed ? std::string_view{turned} : read, best.reference);
  return best.reference;
}

double calibration::substitution_rate() const { return share(substitutions, bases); }
double calibration::deletion_rate() const { return share(deletions, bases); }
double calibration::insertion_rate() const { return share(insertions, bases); }
double calibration::reversed_share() const { return share(reversed, reads - unassigned); }
double calibration::perfect_share() const { return share(perfect, reads - unassigned); }
double calibration::mean_coverage() const { return share(reads - unassigned, coverage.size()); }

double calibration::unseen_share() const {
  return share(static_cast<std::uint64_t>(std::count(coverage.begin(), coverage.end(), 0U)), coverage.size());
}

double calibration::coverage_variation() const {
  const double mean = mean_coverage();
  if (mean == 0) return 0;
  double squares = 0;
  for (const auto seen : coverage) squares += (seen - mean) * (seen - mean);
  return std::sqrt(squares / static_cast<double>(coverage.size())) / mean;
}

double calibration::copy_number_variation() const {
  const double mean = mean_coverage();
  if (mean == 0) return 0;
  const double seen = coverage_variation();
  return std::sqrt(std::max(0.0, seen * seen - 1 / mean));
}

double calibration::unseen_share_at(double reads_per_strand) const {
  const double skew = std::pow(copy_number_variation(), 2);
  return skew == 0 ? std::exp(-reads_per_strand) : std::pow(1 + reads_per_strand * skew, -1 / skew);
}

}  // namespace chromatin::dna

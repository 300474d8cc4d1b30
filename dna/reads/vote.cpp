#include "dna/reads/vote.hpp"

#include <algorithm>
#include <cmath>

#include <edlib.h>

#include "dna/geometry/sequence.hpp"

namespace chromatin::dna {

namespace {

std::size_t best_of(const std::array<std::uint32_t, 4>& votes) {
  return static_cast<std::size_t>(std::max_element(votes.begin(), votes.end()) - votes.begin());
}

std::uint32_t most(const std::array<std::uint32_t, 4>& votes) { return votes[best_of(votes)]; }

}  // namespace

ballot::ballot(std::string_view draft) : draft_{draft}, columns_(draft.size() + 1) {}

bool ballot::add(std::string_view read, std::uint32_t weight, std::span<const std::uint16_t> doubts, int edits_max) {
  const auto worth = [&](std::size_t from) {
    const auto all = weight * full_vote;
    return doubts.empty() ? all : all - std::min<std::uint32_t>(all, doubts[from]);
  };
  const auto vote = [&](std::size_t at, std::size_t from) {
    if (const int index = base_index(read[from]); index >= 0)
      columns_[at].bases[static_cast<std::size_t>(index)] += worth(from);
  };
  if (read == draft_) {
    for (std::size_t i = 0; i < read.size(); ++i) vote(i, i);
    weight_ += weight;
    return true;
  }
  // An unreadable base agrees with any.
  static constexpr EdlibEqualityPair any[]{{'N', 'A'}, {'N', 'C'}, {'N', 'G'}, {'N', 'T'}};
  const bool unreadable = read.find('N') != read.npos || draft_.find('N') != draft_.npos;
  const auto config =
      edlibNewAlignConfig(edits_max, EDLIB_MODE_NW, EDLIB_TASK_PATH, unreadable ? any : nullptr, unreadable ? 4 : 0);
  auto result =
      edlibAlign(read.data(), static_cast<int>(read.size()), draft_.data(), static_cast<int>(draft_.size()), config);
  const bool near = result.status == EDLIB_STATUS_OK && result.editDistance >= 0;
  if (near) {
    std::size_t from = 0, to = 0;
    bool inserting = false;
    for (int i = 0; i < result.alignmentLength; ++i) {
      const auto step = result.alignment[i];
      if (step == EDLIB_EDOP_INSERT) {
        const int index = base_index(read[from]);
        if (!inserting && index >= 0) columns_[to].before[static_cast<std::size_t>(index)] += worth(from);
        ++from;
        inserting = true;
        continue;
      }
      inserting = false;
      if (step == EDLIB_EDOP_DELETE)
        columns_[to].deleted += weight * full_vote;
      else
        vote(to, from++);
      ++to;
    }
    weight_ += weight;
  }
  edlibFreeAlignResult(result);
  return near;
}

std::vector<ballot::change> ballot::changes() const {
  const double half = full() / 2.0;
  std::vector<change> found;
  for (std::size_t at = 0; at < columns_.size(); ++at) {
    if (const auto votes = most(columns_[at].before); votes > 0) found.push_back({votes - half, at, true});
    if (at < draft_.size() && columns_[at].deleted > 0) found.push_back({columns_[at].deleted - half, at, false});
  }
  return found;
}

std::string ballot::majority() const {
  std::string made;
  for (std::size_t at = 0; at < columns_.size(); ++at) {
    const auto& here = columns_[at];
    if (2 * most(here.before) > full()) made += "ACGT"[best_of(here.before)];
    if (at == draft_.size() || 2 * here.deleted > full()) continue;
    made += most(here.bases) > 0 ? "ACGT"[best_of(here.bases)] : draft_[at];
  }
  return made;
}

std::string ballot::majority(std::size_t length, std::vector<float>& shares) const {
  auto likely = changes();
  std::sort(likely.begin(), likely.end(), [](const change& a, const change& b) { return a.likeliness > b.likeliness; });
  std::vector<bool> inserted(columns_.size()), deleted(columns_.size());
  auto size = static_cast<std::ptrdiff_t>(draft_.size());
  const auto wanted = static_cast<std::ptrdiff_t>(length);
  // First what has the majority, then what brings the length nearer although it has not.
  for (const auto& one : likely) {
    const std::ptrdiff_t step = one.insertion ? 1 : -1;
    if (one.likeliness <= 0 && (wanted - size) * step <= 0) continue;
    (one.insertion ? inserted : deleted)[one.at] = true;
    size += step;
  }
  // A majority that overshoots is taken back, the smallest first.
  for (auto one = likely.rbegin(); one != likely.rend() && size != wanted; ++one) {
    auto taken = (one->insertion ? inserted : deleted)[one->at];
    const std::ptrdiff_t step = one->insertion ? 1 : -1;
    if (!taken || (wanted - size) * step >= 0) continue;
    taken = false;
    size -= step;
  }
  std::string made;
  shares.clear();
  const auto all = static_cast<float>(std::max(1U, full()));
  const auto put = [&](char base, std::uint32_t votes) {
    made += base;
    shares.push_back(static_cast<float>(votes) / all);
  };
  for (std::size_t at = 0; at < columns_.size(); ++at) {
    const auto& here = columns_[at];
    if (inserted[at]) put("ACGT"[best_of(here.before)], most(here.before));
    if (at == draft_.size() || deleted[at]) continue;
    const bool voted = most(here.bases) > 0;
    put(voted ? "ACGT"[best_of(here.bases)] : draft_[at], most(here.bases));
  }
  fit(length, made, shares);
  return made;
}

/// Nobody knows where bases were lost or gained: the middle is the nearest guess, and the surer the farther from it.
void ballot::fit(std::size_t length, std::string& made, std::vector<float>& shares) {
  if (made.size() == length) return;
  if (made.size() < length) {
    const auto middle = static_cast<std::ptrdiff_t>(made.size() / 2);
    made.insert(made.begin() + middle, length - made.size(), 'N');
    shares.insert(shares.begin() + middle, length - shares.size(), 0.0F);
  } else {
    const auto middle = static_cast<std::ptrdiff_t>(length / 2),
               extra = static_cast<std::ptrdiff_t>(made.size() - length);
    made.erase(made.begin() + middle, made.begin() + middle + extra);
    shares.erase(shares.begin() + middle, shares.begin() + middle + extra);
  }
  const auto half = static_cast<float>(length) / 2;
  for (std::size_t i = 0; i < length; ++i) shares[i] *= 0.5F + 0.5F * std::abs(static_cast<float>(i) - half) / half;
}

}  // namespace chromatin::dna

#include "gpu/step.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "kv/check.hpp"

namespace chromatin::gpu {

step::step(step_batch batch)
    : batch_{std::move(batch)}, results_(batch_.sequences.size()), sampled_(batch_.sequences.size()) {
  auto samples = [](const sequence_step& s) { return s.sampler != nullptr; };
  CHROMATIN_CHECK(batch_.steps > 0, "a batch has a step");
  CHROMATIN_CHECK(batch_.steps == 1 || std::ranges::all_of(batch_.sequences, samples),
                  "every sequence of a burst has a sampler");
}

void step::drop(std::uint32_t sequence) {
  CHROMATIN_CHECK(sequence < results_.size(), "a sequence of the batch is dropped");
  results_[sequence].dropped = true;
}

bool step::needs_logits(std::size_t sequence) const {
  const auto& s = batch_.sequences[sequence];
  return !results_[sequence].dropped && (s.sampler || s.wants_logits);
}

bool step::needs_whole_logits(std::size_t sequence) const {
  const auto& s = batch_.sequences[sequence];
  return needs_logits(sequence) && (s.wants_logits || !s.sampler->takes_shortlists());
}

std::vector<std::size_t> step::sample_from(const std::function<model::shortlist(std::size_t)>& likeliest_of) {
  std::vector<std::size_t> unknown;
  for (std::size_t i = 0; i < results_.size(); ++i) {
    if (!needs_logits(i) || needs_whole_logits(i)) continue;
    auto pick = batch_.sequences[i].sampler->next(likeliest_of(i));
    if (!pick.known) {
      unknown.push_back(i);
      continue;
    }
    take(i, pick.token);
    sampled_[i] = true;
  }
  return unknown;
}

void step::take(std::size_t sequence, std::optional<kv::token_id> token) {
  const auto& s = batch_.sequences[sequence];
  auto& result = results_[sequence];
  if (!token) {
    result.error = fmt::format(
        "the model's logits are not finite after {} tokens: check its weights, or compute with --compute f32",
        s.position + s.tokens.size());
    return;
  }
  result.tokens.push_back(*token);
  if (const auto* likelihood = s.sampler->likelihood()) result.likelihoods.push_back(*likelihood);
}

bool step::sample(const std::function<std::span<const float>(std::size_t)>& logits_of) {
  ++steps_done_;
  for (std::size_t i = 0; i < results_.size(); ++i) {
    if (!needs_logits(i) || sampled_[i]) continue;
    const auto& s = batch_.sequences[i];
    auto logits = logits_of(i);
    if (s.wants_logits) results_[i].logits.assign(logits.begin(), logits.end());
    if (!s.sampler) continue;
    take(i, s.sampler->next(logits));
  }
  sampled_.assign(sampled_.size(), false);
  if (!goes_on()) return false;
  for (std::size_t i = 0; i < results_.size(); ++i) {
    auto& s = batch_.sequences[i];
    s.position += static_cast<std::uint32_t>(s.tokens.size());
    s.tokens = {results_[i].tokens.back()};
  }
  return true;
}

bool step::goes_on() const {
  if (steps_done_ == batch_.steps) return false;
  return std::ranges::all_of(results_, [&](const sequence_result& r) {
    return !r.dropped && r.error.empty() && std::ranges::find(batch_.ends, r.tokens.back()) == batch_.ends.end();
  });
}

}  // namespace chromatin::gpu

#include "actors/step_plan.hpp"

#include <algorithm>
#include <chrono>

namespace chromatin {
namespace {

/// The device decodes by itself for about this long at most; meanwhile nobody is admitted and nothing is streamed.
constexpr double burst_us = 2000;

/// Tokens that the sequence can compute now. A full window is truncated before its last token is.
std::uint32_t computable(const sequence& s, std::uint32_t context) {
  if (s.at != sequence::phase::running) return 0;
  bool full = s.later.empty() && s.tokens().size() >= context;
  return std::min(s.tokens_left() - (full ? 1 : 0), s.room() - s.computed);
}

/// Whether the sequence's layers arrive before the step needs them (CachedAttention §3.2.1): the last one has the time
/// that the layers before it take.
bool load_in_time(const sequence& s, const pace& speed, caf::actor_clock::time_point now) {
  if (!s.loading) return true;
  if (s.loading->failed()) return false;
  auto layers = s.loading->layers(), ordered = s.loading->layers_ordered();
  if (ordered == 0 || ordered == layers) return ordered == layers;
  auto since = std::chrono::duration<double, std::micro>(now - s.load_begun).count();
  return since / ordered * (layers - ordered) <= speed.step_us() * (layers - 1) / layers;
}

/// Gives each prompt its share of the budget, then the rest to the first ones.
void share_out(const std::vector<sequence*>& prompts, std::uint32_t context, std::uint32_t budget,
               std::vector<planned_part>& parts) {
  if (prompts.empty()) return;
  std::vector<std::uint32_t> counts(prompts.size());
  auto share = std::max(1u, budget / static_cast<std::uint32_t>(prompts.size()));
  for (auto most : {share, budget})
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      const auto& s = *prompts[i];
      auto more = std::min({computable(s, context) - counts[i], most, budget});
      counts[i] += more;
      budget -= more;
    }
  for (std::size_t i = 0; i < prompts.size(); ++i)
    if (counts[i] > 0) parts.push_back({prompts[i]->order.turn, counts[i]});
}

}  // namespace

std::vector<planned_part> plan_step(std::vector<sequence*> running, std::uint32_t tokens_max, const pace& speed,
                                    std::uint32_t context, caf::actor_clock::time_point now) {
  std::sort(running.begin(), running.end(), [](auto* a, auto* b) { return a->in_order() < b->in_order(); });
  std::vector<sequence*> decoding, prompts, loading;
  for (auto* s : running) {
    if (computable(*s, context) == 0) continue;
    (!load_in_time(*s, speed, now) ? loading : s->decoding() ? decoding : prompts).push_back(s);
  }
  auto has_begun = [](auto* s) { return !s->loading->failed() && s->loading->layers_ordered() > 0; };
  if (decoding.empty() && prompts.empty()) {  // alone, it computes as its layers come
    auto first = std::find_if(loading.begin(), loading.end(), has_begun);
    if (first != loading.end()) prompts.push_back(*first);
  }
  std::vector<planned_part> parts;
  for (auto* s : decoding)  // nobody's next token waits for somebody else's prompt
    if (parts.size() < tokens_max) parts.push_back({s->order.turn, 1});
  share_out(prompts, context, tokens_max - static_cast<std::uint32_t>(parts.size()), parts);
  return parts;
}

std::uint32_t decode_burst(const std::vector<const sequence*>& sequences, const pace& speed, std::uint32_t context) {
  auto steps = speed.decode_steps_in(burst_us);
  for (const auto* s : sequences) {
    if (!s->decoding() || s->loading) return 1;
    steps = std::min({steps, std::max(1u, kv::tokens_per_chunk - 1 - s->computed % kv::tokens_per_chunk),
                      s->order.sampling.tokens_max - s->outcome.statistics.answer_tokens, context - s->computed - 1});
  }
  return std::max(steps, 1u);
}

}  // namespace chromatin

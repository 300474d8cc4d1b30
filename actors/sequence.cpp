#include "actors/sequence.hpp"

#include <algorithm>
#include <utility>

#include "actors/rendering.hpp"
#include "kv/check.hpp"

namespace chromatin {

void sequence::begin(turn_order what, const std::shared_ptr<const model::tokenizer>& tokenizer) {
  order = std::move(what);
  const auto& less = order.sampling.less;
  if (less.any()) {
    auto count = std::min<std::size_t>(less.last_n, tokens().size());
    prompt_end_.assign(tokens().end() - static_cast<std::ptrdiff_t>(count), tokens().end());
  }
  take_back_draws();
  stream = std::make_unique<model::text_stream>(tokenizer, order.sampling.stop);
  if (order.reuse || order.window.kept.empty()) return;
  kv::rebase(order.window);  // without reuse, what a truncation kept is computed again as well
  window_changed = true;
}

std::uint32_t sequence::prompt_tokens() const {
  return static_cast<std::uint32_t>(tokens().size()) - (outcome.answer.empty() || !later.empty() ? 0 : 1);
}

std::size_t sequence::tokens_to_recompute() const {
  auto sum = tokens().size();
  for (const auto& c : order.window.cuts) sum += c.dropped.size();
  return sum;
}

void sequence::take_back_draws() {
  sampler = std::make_shared<model::sampler>(order.sampling, prompt_end_, outcome.answer);
}

void sequence::give(std::string_view text) {
  outcome.text += text;
  if (!order.sink) return;
  for (; likelihoods_given < stream->tokens_out() && !likelihoods.empty(); ++likelihoods_given) {
    order.sink->likelihood(std::move(likelihoods.front()));
    likelihoods.pop_front();
  }
  if (!text.empty()) order.sink->text(text);
}

void sequence::forget_admission() {
  auto preemptions = outcome.statistics.preemptions;
  auto answer_tokens = outcome.statistics.answer_tokens;
  CHROMATIN_CHECK(answer_tokens == before_admission.answer_tokens, "nothing was answered since");
  outcome.statistics = before_admission;
  outcome.statistics.preemptions = preemptions;
}

kv::reusable sequence::reusable() { return order.reuse ? kv::reusable_of(order.window, chain) : kv::reusable{}; }

kv::block_table sequence::table() {
  if (!table_) table_ = std::make_shared<const std::vector<kv::page_ref>>(pages);
  return table_;
}

std::vector<chunk> sequence::completed_by(std::uint32_t count) {
  auto first = computed / kv::tokens_per_chunk, last = (computed + count) / kv::tokens_per_chunk;
  std::vector<chunk> filled;
  if (!order.reuse || first == last) return filled;
  const auto& links = chain.whole(order.window, last * kv::tokens_per_chunk);
  for (auto i = first; i < last; ++i) filled.push_back({links[i], i, pages[i], nullptr});
  return filled;
}

key_list sequence::computed_keys(std::uint32_t from) {
  key_list keys;
  if (!order.reuse) return keys;
  const auto& links = chain.whole(order.window, computed);
  for (auto i = from / kv::tokens_per_chunk; i < computed / kv::tokens_per_chunk; ++i) keys.push_back(links[i].key);
  return keys;
}

kv::chain_use sequence::use(std::int64_t now_us) const {
  return {.now_us = now_us,
          .conversation = order.conversation,
          .turn = order.turn,
          .prompt_tokens = static_cast<std::uint32_t>(tokens().size() - outcome.statistics.answer_tokens),
          .answer_tokens = outcome.statistics.answer_tokens,
          .keep = order.keep};
}

turn_view sequence::view(caf::actor_clock::time_point now) const {
  using phase_of = turn_view::phase;
  auto doing = !has_pages()                        ? phase_of::waiting
               : at == phase::promising || loading ? phase_of::loading
               : outcome.answer.empty()            ? phase_of::prefill
                                                   : phase_of::decode;
  return {.turn = order.turn,
          .conversation = {},
          .at = doing,
          .priority = order.priority,
          .window_tokens = static_cast<std::uint32_t>(tokens().size()),
          .computed_tokens = computed,
          .expected_chunks = static_cast<std::uint32_t>(expected.size()),
          .answer_tokens = outcome.statistics.answer_tokens,
          .since_us = std::chrono::duration_cast<std::chrono::microseconds>(now - received).count()};
}

step_part sequence::next_part(std::uint32_t count) {
  step_part part{.turn = order.turn, .position = computed, .pages = table(), .before = before, .loading = loading};
  part.tokens.assign(tokens().begin() + computed, tokens().begin() + computed + count);
  part.completed = completed_by(count);
  if (later.empty() && count == tokens_left()) part.sampler = sampler;
  return part;
}

void sequence::add_pages(std::vector<kv::page_ref> more) {
  pages.insert(pages.end(), more.begin(), more.end());
  table_ = nullptr;
}

void sequence::take(admitted granted) {
  pages = std::move(granted.pages);
  table_ = nullptr;
  computed = granted.resident_tokens;
  before = std::move(granted.tail_copied);
  starved = growing = false;
}

release_order sequence::give_back(bool keep_tail, std::int64_t now_us) {
  release_order release{.turn = order.turn, .tail = {}, .superseded = {}, .use = use(now_us)};
  release.use.settled = true;
  bool keeps = keep_tail && order.reuse;
  if (keeps && computed % kv::tokens_per_chunk != 0) {
    auto depth = computed / kv::tokens_per_chunk;
    release.tail = {chain.tail(order.window, computed), depth, pages.at(depth), nullptr};
  }
  // The tail it began with is of use until there is a better one.
  if (keeps) release.superseded = std::exchange(grown_from, release.tail.link.key);
  if (release.superseded != kv::chunk_key{}) outcome.also_saved.push_back(release.superseded);
  if (keeps) order.window.settled = computed;
  pages.clear();
  table_ = nullptr;
  loading = nullptr;
  before = {};
  computed = 0;
  load_lost = gives_way = false;
  return release;
}

void sequence::rebuild() {
  CHROMATIN_CHECK(pages.empty(), "a turn starts again without pages");
  auto past = kv::history(order.window);
  window_changed = true;
  if (past.empty()) {
    outcome.also_saved.insert(outcome.also_saved.end(), order.window.kept.begin(), order.window.kept.end());
    kv::rebase(order.window);
  } else {
    later.push_front(std::exchange(order.window, std::move(past.back())));
  }
  chain = {};
}

void sequence::move_to(kv::lineage next, const std::vector<kv::chunk_range>& removed, std::uint32_t computed_max) {
  for (auto [first, count] : removed) {
    CHROMATIN_CHECK(first + count <= pages.size(), "what is dropped has pages");
    pages.erase(pages.begin() + first, pages.begin() + first + count);
    computed -= count * kv::tokens_per_chunk;
  }
  if (computed > computed_max) {  // pages behind it may be shared: they are not written to again
    CHROMATIN_CHECK(computed_max % kv::tokens_per_chunk == 0, "only whole chunks stay");
    computed = computed_max;
    pages.resize(std::min<std::size_t>(pages.size(), kv::chunks_for(computed)));
  }
  table_ = nullptr;
  order.window = std::move(next);
  chain = {};
  window_changed = true;
}

void sequence::next_window() {
  CHROMATIN_CHECK(tokens_left() == 0 && !later.empty(), "a window is followed when it is computed");
  auto next = std::move(later.front());
  later.pop_front();
  const auto& cut = next.cuts.back();
  kv::chunk_range gone{cut.first_chunk, static_cast<std::uint32_t>(cut.dropped.size() / kv::tokens_per_chunk)};
  auto kept = next.kept_tokens;
  move_to(std::move(next), {gone}, kept);
}

std::uint32_t sequence::make_room(std::uint32_t context, const kv::overflow_policy& policy) {
  auto next = order.window;
  auto last = next.tokens.back();  // not computed yet: the answer goes on from it
  next.tokens.pop_back();
  next.settled = computed;
  std::vector<kv::chunk_range> removed;
  auto dropped = kv::make_room(next, context - 2, policy, &removed);
  if (next.tokens.size() > context - 2) return 0;
  next.tokens.push_back(last);
  auto computed_max = next.settled;
  if (!order.reuse) {  // as a server without a cache of conversations does it: all of it is computed again
    kv::rebase(next);
    removed.clear();
    computed_max = 0;
  }
  full_window = order.window;
  move_to(std::move(next), removed, computed_max);
  return dropped;
}

void sequence::cut_stop_string(const std::shared_ptr<const model::tokenizer>& tokenizer) {
  // The tokens whose text the user has seen stay.
  auto kept = outcome.kept_answer_tokens = tokens_within(*tokenizer, outcome.answer, outcome.text);
  auto& window = order.window;
  auto saved = computed_keys();
  outcome.also_saved.insert(outcome.also_saved.end(), saved.begin(), saved.end());
  auto cut = std::min(outcome.answer.size() - kept, window.tokens.size() - 1);
  auto count = static_cast<std::uint32_t>(window.tokens.size() - cut);
  kv::shorten(window, count);
  if (computed <= count) return;
  // A chunk that was whole may be in the cache as such: its page cannot become a tail.
  bool same_chunk = count / kv::tokens_per_chunk == computed / kv::tokens_per_chunk;
  computed = std::min(same_chunk ? count : count / kv::tokens_per_chunk * kv::tokens_per_chunk, window.settled);
  chain = {};
}

}  // namespace chromatin

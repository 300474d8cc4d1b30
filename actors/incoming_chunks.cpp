#include "actors/incoming_chunks.hpp"

#include "kv/check.hpp"

namespace chromatin {

void incoming_chunks::open(const chunk& c, kv::page_ref page, const upper_tier_actor& upper) {
  open_chunk fresh{.what = c, .upper = upper, .checksums = {}, .missing = layers_, .attempt = ++last_attempt_};
  fresh.what.page = std::move(page);
  fresh.checksums.resize(layers_);
  chunks_.insert_or_assign(c.link.key, std::move(fresh));
}

incoming_chunks::copy incoming_chunks::copy_of(const std::vector<chunk>& from, std::uint32_t layer_begin,
                                               std::uint32_t layer_end) const {
  copy result{.attempts = {}, .layer_begin = layer_begin, .layer_end = layer_end, .slices = {}};
  std::vector<const chunk*> sources;
  for (const auto& c : from) {
    auto found = chunks_.find(c.link.key);
    if (found == chunks_.end()) continue;
    result.attempts.emplace_back(c.link.key, found->second.attempt);
    sources.push_back(&c);
  }
  for (auto layer = layer_begin; layer < layer_end; ++layer)
    for (const auto* c : sources)
      result.slices.push_back({c->page, layer, c->link.fill, chunks_.at(c->link.key).what.page, {}});
  return result;
}

std::vector<incoming_chunks::ended> incoming_chunks::end(const copy& what, const gpu::copy_result& result) {
  bool failed = result.error != gpu::copy_error::none;
  CHROMATIN_CHECK(failed || result.checksums.size() == what.slices.size(), "a copy answers for each of its slices");
  std::vector<ended> over;
  for (std::size_t i = 0; i < what.attempts.size(); ++i) {
    auto [key, attempt] = what.attempts[i];
    auto found = chunks_.find(key);
    if (found == chunks_.end() || found->second.attempt != attempt) continue;
    auto& c = found->second;
    if (!failed) {
      for (auto layer = what.layer_begin; layer < what.layer_end; ++layer, --c.missing) {
        CHROMATIN_CHECK(c.missing > 0, "a layer comes once");
        c.checksums[layer] = result.checksums[(layer - what.layer_begin) * what.attempts.size() + i];
      }
      if (c.missing > 0) continue;
      c.what.checksums = std::make_shared<const std::vector<std::uint64_t>>(std::move(c.checksums));
    }
    over.push_back({std::move(c.what), std::move(c.upper), failed});
    chunks_.erase(found);
  }
  return over;
}

}  // namespace chromatin

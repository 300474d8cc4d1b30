#include "kv/policy/open_turns.hpp"

#include <algorithm>

#include "kv/check.hpp"
#include "kv/policy/bytes.hpp"

namespace chromatin::kv {
namespace {

/// Beyond these the ones that are away for longest are forgotten.
constexpr std::size_t records_max = 1u << 18;
/// A conversation that is being served is worth so many times what it is at best when it waits.
constexpr double served_factor = 2;
/// Of the usual gap, what the last one counts.
constexpr float last_gap_share = 0.3F;

double seconds(std::int64_t us) { return static_cast<double>(us) / 1e6; }

}  // namespace

return_classes::class_id open_turns::class_of(record& r) {
  return r.now == state::unknown ? return_classes::everybody : r.of = classes_.class_of(r.with, r.of);
}

void open_turns::unlink(record& r) {
  auto& l = ages_[r.age];
  (r.before ? records_.at(r.before).behind : l.first) = r.behind;
  (r.behind ? records_.at(r.behind).before : l.last) = r.before;
  r.before = r.behind = 0;
}

void open_turns::append(id what, record& r, std::size_t age) {
  auto& l = ages_[age];
  r.age = static_cast<std::uint8_t>(age);
  r.before = l.last;
  (l.last ? records_.at(l.last).behind : l.first) = what;
  l.last = what;
  if (r.now == state::idle) classes_.reached(class_of(r), r.with, age);
}

void open_turns::advance(std::int64_t now_us) {
  if (resumes_) {
    resumes_ = false;
    for (auto& [what, r] : records_) r.since_us += now_us - now_us_;
    now_us_ = now_us;
  }
  now_us_ = std::max(now_us_, now_us);
  for (std::size_t age = 0; age + 1 < ages_count; ++age) {
    auto length_us = static_cast<std::int64_t>(age_begin_s(age + 1) * 1e6);
    while (auto what = ages_[age].first) {
      auto& r = records_.at(what);
      if (now_us_ - r.since_us < length_us) break;
      unlink(r);
      append(what, r, age + 1);
      older_(what);
    }
  }
}

/// It goes to the list of the youngest.
void open_turns::restart(id what, record& r, state now) {
  r.since_us = now_us_;
  r.now = now;
  append(what, r, 0);
}

void open_turns::begins(id conversation, std::uint64_t turn) {
  auto found = records_.find(conversation);
  if (found == records_.end()) return;
  auto& r = found->second;
  if (turn != 0 && turn == r.turn) return;
  r.turn = turn;
  if (r.now == state::idle) {
    classes_.returned(class_of(r), r.with, r.age);
    r.gap_s = static_cast<float>(seconds(now_us_ - r.since_us));
    r.usual_gap_s = r.turns == 1 ? r.gap_s : r.usual_gap_s + last_gap_share * (r.gap_s - r.usual_gap_s);
  }
  unlink(r);
  restart(conversation, r, state::served);
}

void open_turns::settles(const chain_use& use) {
  while (records_.size() >= records_max) {
    auto oldest = std::find_if(ages_.rbegin(), ages_.rend(), [](const list& l) { return l.first != 0; });
    forget(oldest->first);
  }
  auto [at, fresh] = records_.try_emplace(use.conversation);
  auto& r = at->second;
  bool goes_on = !fresh && use.turn != 0 && use.turn == r.turn;  // settles once more: it had given way in between
  if (!fresh && r.now != state::served && !goes_on) begins(use.conversation, use.turn);
  if (!fresh) unlink(r);
  r.turn = use.turn;
  if (!goes_on || r.turns == 0 || r.now == state::served) ++r.turns;
  auto tokens = std::uint64_t{use.prompt_tokens} + use.answer_tokens;
  auto fresh_tokens = use.prompt_tokens > r.tokens ? use.prompt_tokens - r.tokens : 0;
  r.with = {level_of_count(r.turns),     level_of(static_cast<double>(fresh_tokens)),
            level_of(use.answer_tokens), level_of(use.prompt_tokens),
            level_of(r.gap_s),           level_of(r.usual_gap_s)};
  r.tokens = tokens;
  r.of = return_classes::everybody;
  restart(use.conversation, r, state::idle);
}

void open_turns::opens_unknown(id what) {
  auto [at, fresh] = records_.try_emplace(what);
  CHROMATIN_CHECK(fresh, "what is not known has a new number");
  restart(what, at->second, state::unknown);
}

void open_turns::forget(id what) {
  auto found = records_.find(what);
  if (found == records_.end()) return;
  unlink(found->second);
  records_.erase(found);
}

bool open_turns::is_idle(id what) const {
  auto found = records_.find(what);
  return found != records_.end() && found->second.now == state::idle;
}

double open_turns::index(id what) const {
  auto found = records_.find(what);
  if (found == records_.end()) return 0;
  const auto& r = found->second;
  auto of = r.now == state::unknown ? return_classes::everybody : classes_.class_of(r.with, r.of);
  return classes_.index(of, r.with, seconds(now_us_ - r.since_us)) * (r.now == state::served ? served_factor : 1);
}

double open_turns::chance(id what, double horizon_s) const {
  auto found = records_.find(what);
  if (found == records_.end() || found->second.now != state::idle) return 0;
  const auto& r = found->second;
  return classes_.chance(classes_.class_of(r.with, r.of), r.with, seconds(now_us_ - r.since_us), horizon_s);
}

void open_turns::save(std::vector<std::byte>& out) const {
  classes_.save(out);
  put(out, now_us_);
  std::uint64_t count = 0;
  for (const auto& [what, r] : records_) count += r.now == state::idle;
  put(out, count);
  for (const auto& l : ages_)
    for (auto what = l.first; what != 0; what = records_.at(what).behind)
      if (const auto& r = records_.at(what); r.now == state::idle) put(out, what), put(out, r);
}

bool open_turns::load(std::span<const std::byte>& in) {
  open_turns next{older_};
  std::uint64_t count = 0;
  if (!next.classes_.load(in) || !take(in, next.now_us_) || !take(in, count)) return false;
  for (; count > 0; --count) {
    id what = 0;
    record r;
    if (!take(in, what) || !take(in, r) || what == 0 || r.age >= ages_count || r.now != state::idle) return false;
    if (std::any_of(r.with.begin(), r.with.end(), [](auto level) { return level >= levels_count; })) return false;
    r.before = r.behind = 0;
    auto [at, fresh] = next.records_.try_emplace(what, r);
    if (!fresh) return false;
    at->second.of = return_classes::everybody;
    at->second.now = state::unknown;  // it was counted before
    next.append(what, at->second, r.age);
    at->second.now = state::idle;
  }
  next.resumes_ = true;
  *this = std::move(next);
  return true;
}

}  // namespace chromatin::kv

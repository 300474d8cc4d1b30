#include "dna/reads/align.hpp"

#include <algorithm>
#include <utility>

#include "dna/geometry/sequence.hpp"

namespace chromatin::dna {

namespace {

/// Bases of adapter or of a ragged end that may stand outside a primer where it is looked for first.
constexpr std::size_t overhang_nt = 20;

using hit = primer_search::hit;

/// The best place of a primer between two places of a read, counted from its beginning.
std::optional<hit> find_between(const primer_search& primer, std::string_view read, std::size_t from, std::size_t to,
                                std::size_t edits_max) {
  to = std::min(to, read.size());
  if (from >= to) return {};
  auto found = primer.find(read.substr(from, to - from), edits_max);
  if (found) found->begin += from, found->end += from;
  return found;
}

/// Bases in which two texts of the same length differ.
std::size_t mismatches(std::string_view a, std::string_view b) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += a[i] != b[i];
  return count;
}

/// How much longer or shorter than ordered what lies between the primers may be where its length tells their places.
std::size_t slack_of(std::size_t inner_nt) { return inner_nt / 16 + 4; }

/// A lost primer weighs more than any that is found.
constexpr int lost_primer = 1000;

}  // namespace

std::size_t leftover_before(std::string_view text, std::string_view primer) {
  for (auto count = std::min(text.size(), primer.size()); count > 0; --count)
    if (8 * mismatches(text.substr(0, count), primer.substr(primer.size() - count)) <= count) return count;
  return 0;
}

std::size_t leftover_behind(std::string_view text, std::string_view primer) {
  for (auto count = std::min(text.size(), primer.size()); count > 0; --count)
    if (8 * mismatches(text.substr(text.size() - count), primer.substr(0, count)) <= count) return count;
  return 0;
}

struct primer_locator::span {
  std::optional<hit> head, tail;
  std::size_t begin, end;  // between the primers

  int edits() const { return (head ? head->edits : lost_primer) + (tail ? tail->edits : lost_primer); }
  bool whole() const { return head && tail; }
};

primer_locator::primer_locator(std::string head, std::string tail, std::uint32_t inner_nt)
    : head_{std::move(head)},
      tail_{std::move(tail)},
      turned_tail_{reverse_complement(tail_)},
      turned_head_{reverse_complement(head_)},
      find_head_{head_},
      find_tail_{tail_},
      inner_nt_{inner_nt} {}

primer_locator::span primer_locator::find(std::string_view read) const {
  span at{};
  const auto head_edits = head_.size() / 4, tail_edits = tail_.size() / 4;
  const auto window = head_.size() + overhang_nt;
  at.head = find_between(find_head_, read, 0, window, head_edits);
  // A window may hold only a part of a primer that goes on beyond it.
  if (at.head && at.head->edits > 0 && at.head->end + 2 >= window)
    at.head = find_between(find_head_, read, 0, window + head_.size(), head_edits);
  const auto reach = std::min(tail_.size() + overhang_nt, read.size());
  auto from = std::max(at.head ? at.head->end : 0, read.size() - reach);
  at.tail = find_between(find_tail_, read, from, read.size(), tail_edits);
  if (at.tail && at.tail->edits > 0 && at.tail->begin <= from + 2) {
    from = std::max(at.head ? at.head->end : 0, from - std::min(from, tail_.size()));
    at.tail = find_between(find_tail_, read, from, read.size(), tail_edits);
  }
  if (inner_nt_ > 0) {
    const auto apart = at.whole() ? at.tail->begin - at.head->end : 0, slack = slack_of(inner_nt_);
    if (apart + slack < inner_nt_ || apart > inner_nt_ + slack) find_by_length(read, at);
  }
  if (!at.tail && at.head && at.head->edits > static_cast<int>(head_.size() / 8)) at.head.reset();
  if (!at.head && at.tail && at.tail->edits > static_cast<int>(tail_.size() / 8)) at.tail.reset();
  at.begin = at.head ? at.head->end : 0;
  at.end = at.tail ? at.tail->begin : read.size();
  if (at.head && at.end < at.begin) at.end = at.begin;
  if (!at.whole() && inner_nt_ > 0) cut_parts(read, at);
  return at;
}

/// Primers anywhere in the read: where one is found, the strand's length tells where the other one is. Of several such
/// pairs the one with the fewest edits.
void primer_locator::find_by_length(std::string_view read, span& at) const {
  const std::size_t slack = slack_of(inner_nt_);
  const auto tail_of = [&](const hit& head) {
    const auto begin = head.end + inner_nt_;
    return find_between(find_tail_, read, begin - std::min(begin, slack), begin + tail_.size() + slack,
                        tail_.size() * 7 / 20);
  };
  const auto head_of = [&](const hit& tail) -> std::optional<hit> {
    if (tail.begin < inner_nt_ / 2) return {};
    const auto end = tail.begin - std::min<std::size_t>(tail.begin, inner_nt_);
    return find_between(find_head_, read, end - std::min(end, head_.size() + slack), end + slack,
                        head_.size() * 7 / 20);
  };
  std::optional<hit> heads[]{at.head, find_between(find_head_, read, 0, read.size(), head_.size() / 4)};
  std::optional<hit> tails[]{at.tail, find_between(find_tail_, read, 0, read.size(), tail_.size() / 4)};
  int least = 2 * lost_primer;
  const auto consider = [&](const std::optional<hit>& head, const std::optional<hit>& tail) {
    if (!head || !tail || head->edits + tail->edits >= least) return;
    least = head->edits + tail->edits;
    at.head = head, at.tail = tail;
  };
  for (const auto& head : heads)
    if (head) consider(head, tail_of(*head));
  for (const auto& tail : tails)
    if (tail) consider(head_of(*tail), tail);
  if (least < 2 * lost_primer) return;
  // One primer alone: the better one.
  const auto& head = heads[0] && (!heads[1] || heads[0]->edits <= heads[1]->edits) ? heads[0] : heads[1];
  const auto& tail = tails[0] && (!tails[1] || tails[0]->edits <= tails[1]->edits) ? tails[0] : tails[1];
  if (head && (!tail || head->edits <= tail->edits))
    at.head = head, at.tail.reset();
  else
    at.head.reset(), at.tail = tail;
}

/// Where the read ends before the primer does, its part of the primer is cut off; where the read goes on beyond the
/// place of a primer that is unreadable, what lies beyond.
void primer_locator::cut_parts(std::string_view read, span& at) const {
  constexpr std::size_t shift_max = 3, part_min = 4;
  std::size_t best = std::string_view::npos;
  if (at.head && !at.tail && read.size() > at.begin + inner_nt_) {
    at.end = at.begin + inner_nt_;
    for (auto end = at.end - shift_max; end <= at.end + shift_max && end + part_min <= read.size(); ++end) {
      const auto part = read.substr(end, tail_.size());
      const auto wrong = mismatches(part, std::string_view{tail_}.substr(0, part.size()));
      if (2 * wrong <= part.size() && wrong < best) best = wrong, at.end = end;
    }
  } else if (at.tail && !at.head && at.end > inner_nt_) {
    at.begin = at.end - inner_nt_;
    const auto middle = at.begin;
    for (auto begin = std::max(middle, part_min + shift_max) - shift_max; begin <= middle + shift_max && begin < at.end;
         ++begin) {
      const auto size = std::min(begin, head_.size());
      const auto wrong =
          mismatches(read.substr(begin - size, size), std::string_view{head_}.substr(head_.size() - size));
      if (2 * wrong <= size && wrong < best) best = wrong, at.begin = begin;
    }
  }
}

std::optional<trimmed_read> primer_locator::locate_exact(std::string_view read) const {
  const auto primers = head_.size() + tail_.size();
  if (read.size() < primers || (inner_nt_ > 0 && read.size() > primers + 2 * inner_nt_)) return {};
  const auto end = static_cast<std::uint32_t>(read.size());
  if (read.starts_with(head_) && read.ends_with(tail_))
    return trimmed_read{std::string{read.substr(head_.size(), read.size() - primers)},
                        false,
                        0,
                        true,
                        0,
                        0,
                        end,
                        static_cast<std::uint32_t>(head_.size())};
  if (read.starts_with(turned_tail_) && read.ends_with(turned_head_))
    return trimmed_read{reverse_complement(read.substr(tail_.size(), read.size() - primers)),
                        true,
                        0,
                        true,
                        0,
                        0,
                        end,
                        static_cast<std::uint32_t>(head_.size())};
  return {};
}

std::optional<trimmed_read> primer_locator::locate(std::string_view read) const {
  if (auto exact = locate_exact(read)) return exact;
  const auto cut = [&](std::string_view all, const span& at, bool reversed) {
    const auto begin = at.head ? at.head->begin : 0, end = at.tail ? at.tail->end : all.size();
    trimmed_read found{std::string{all.substr(at.begin, at.end - at.begin)}, reversed, at.edits() % lost_primer,
                       at.whole()};
    found.inner = static_cast<std::uint32_t>(at.begin);
    found.flank_nt = static_cast<std::uint32_t>(begin + all.size() - end);
    found.begin = static_cast<std::uint32_t>(reversed ? all.size() - end : begin);
    found.end = static_cast<std::uint32_t>(reversed ? all.size() - begin : end);
    return found;
  };
  const auto forward = find(read);
  if (forward.edits() == 0) return cut(read, forward, false);
  const auto turned = reverse_complement(read);
  const auto backward = find(turned);
  if (forward.edits() == backward.edits() || std::min(forward.edits(), backward.edits()) >= 2 * lost_primer) return {};
  return forward.edits() < backward.edits() ? cut(read, forward, false) : cut(turned, backward, true);
}

}  // namespace chromatin::dna

#include "io/read_queue.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "kv/check.hpp"

namespace chromatin::io {

void read_queue::add(ticket id, std::vector<std::uint32_t> slots, urgency wanted, time_point expires) {
  CHROMATIN_CHECK(!slots.empty(), "an order wants something");
  order o{.slots = std::move(slots), .wanted = wanted, .expires = expires, .arrival = ++arrivals_};
  o.here.assign(std::size_t{limits_.layers} * o.chunks(), false);
  o.missing.assign(limits_.layers, o.chunks());
  o.slices_missing = limits_.layers * o.chunks();
  slices_missing_[static_cast<std::size_t>(wanted)] += o.slices_missing;
  for (std::uint32_t chunk = 0; chunk < o.chunks(); ++chunk) wanters_[o.slots[chunk]].push_back({id, chunk});
  lines_[static_cast<std::size_t>(wanted)].emplace(o.arrival, id);
  bool fresh = orders_.emplace(id, std::move(o)).second;
  CHROMATIN_CHECK(fresh, "a ticket is used once");
}

void read_queue::hurry(ticket id, urgency wanted) {
  auto found = orders_.find(id);
  if (found == orders_.end() || found->second.ended || found->second.wanted <= wanted) return;
  auto& o = found->second;
  if (lines_[static_cast<std::size_t>(o.wanted)].erase(o.arrival) > 0)
    lines_[static_cast<std::size_t>(wanted)].emplace(o.arrival, id);
  slices_missing_[static_cast<std::size_t>(o.wanted)] -= o.slices_missing;
  slices_missing_[static_cast<std::size_t>(wanted)] += o.slices_missing;
  o.wanted = wanted;
  for (const auto& [read_number, r] : reads_) {
    auto what = r.what;
    auto waits = [&](place p) { return p.order == id && lacks(p, what.layer); };
    auto all = wanters_.find(what.slot);
    if (r.wanted > wanted && all != wanters_.end() && std::ranges::any_of(all->second, waits)) pull(read_number);
  }
}

void read_queue::cancel(ticket id) {
  auto found = orders_.find(id);
  if (found == orders_.end() || found->second.ended) return;
  withdraw(id);
  leave_if_idle(id);
}

// -- what to do --

read_queue::todo read_queue::next(time_point now) {
  copies_left_ = limits_.copies_max;
  for (auto what : std::exchange(again_, {}))
    if (auto into = first_that_lacks(what)) start(what, *into);
  for (std::size_t u = 0; u < urgencies; ++u)
    for (auto at = lines_[u].begin(); at != lines_[u].end() && has_room(static_cast<urgency>(u)) && !todo_.more;) {
      auto [arrival, id] = *at;
      go_on(id, now);  // which may take it, and others, out of the line
      at = lines_[u].upper_bound(arrival);
    }
  return std::exchange(todo_, {});
}

bool read_queue::has_room(urgency wanted) const {
  return reads_running_[static_cast<std::size_t>(wanted)] < limits_.reads_max;
}

/// Looks at an order's slices, in order, as far as there is room for reads.
void read_queue::go_on(ticket id, time_point now) {
  auto& o = orders_.at(id);
  auto slices = limits_.layers * o.chunks();
  while (!o.ended && o.next_slice < slices && has_room(o.wanted)) {
    auto layer = o.next_slice / o.chunks(), chunk = o.next_slice % o.chunks();
    if (lacks({id, chunk}, layer)) {
      if (now > o.expires) {
        fail({id, chunk}, true);
        break;
      }
      if (!look_at({id, chunk}, {o.slots[chunk], layer})) {
        todo_.more = true;
        return;
      }
    }
    ++o.next_slice;
  }
  if (o.next_slice == slices) lines_[static_cast<std::size_t>(o.wanted)].erase(o.arrival);
  leave_if_idle(id);
}

/// Sees to it that the slice comes; false if that would be one copy too many for now.
bool read_queue::look_at(place where, slice what) {
  auto wanted = orders_.at(where.order).wanted;
  if (auto reading = reads_of_.find(what); reading != reads_of_.end()) {
    // Less urgent than this order: to be read again, as its own.
    if (reads_.at(reading->second).wanted > wanted) pull(reading->second);
    return true;
  }
  auto from = first_that_has(what);
  if (!from) {
    start(what, where);
    return true;
  }
  if (copies_left_ == 0) return false;
  --copies_left_;
  todo_.copies.push_back({what.layer, *from, where});
  arrived(where, what.layer);
  return true;
}

void read_queue::start(slice what, place into) {
  auto& o = orders_.at(into.order);
  auto id = ++last_read_;
  reads_.emplace(id, read_state{what, into, o.wanted});
  reads_of_.emplace(what, id);
  ++reads_running_[static_cast<std::size_t>(o.wanted)];
  ++o.under_way;
  todo_.reads.push_back({id, what.slot, what.layer, into, o.wanted});
}

void read_queue::ended(read_id id, ending how) {
  auto node = reads_.extract(id);
  CHROMATIN_CHECK(!node.empty(), "a read ends once");
  auto r = node.mapped();
  reads_of_.erase(r.what);
  --reads_running_[static_cast<std::size_t>(r.wanted)];
  --orders_.at(r.into.order).under_way;
  std::vector<place> lacking;
  if (auto all = wanters_.find(r.what.slot); all != wanters_.end())
    std::ranges::copy_if(all->second, std::back_inserter(lacking), [&](place p) { return lacks(p, r.what.layer); });
  if (how == ending::cancelled) {
    if (!lacking.empty()) again_.push_back(r.what);
  } else {
    for (auto p : lacking) {
      if (!lacks(p, r.what.layer)) continue;  // its order failed by another chunk of the list
      if (how == ending::bad) {
        fail(p, false);
        continue;
      }
      if (p.order != r.into.order || p.chunk != r.into.chunk) todo_.copies.push_back({r.what.layer, r.into, p});
      arrived(p, r.what.layer);
    }
    for (auto p : lacking) leave_if_idle(p.order);
  }
  leave_if_idle(r.into.order);
}

// -- orders --

std::size_t read_queue::slices_missing(urgency wanted) const {
  auto end = slices_missing_.begin() + static_cast<std::ptrdiff_t>(wanted) + 1;
  return std::accumulate(slices_missing_.begin(), end, std::size_t{0});
}

std::size_t read_queue::slices_before(urgency wanted) const {
  auto less_urgent = reads_running_.begin() + static_cast<std::ptrdiff_t>(wanted) + 1;
  return std::accumulate(less_urgent, reads_running_.end(), slices_missing(wanted));
}

read_queue::rest read_queue::rest_of(ticket id) const {
  auto found = orders_.find(id);
  if (found == orders_.end() || found->second.ended) return {};
  const auto& o = found->second;
  return {o.slices_missing, std::min(o.slices_missing, o.under_way)};
}

/// Whether the order still waits for this slice.
bool read_queue::lacks(place where, std::uint32_t layer) const {
  auto found = orders_.find(where.order);
  if (found == orders_.end() || found->second.ended) return false;
  const auto& o = found->second;
  return !o.here[std::size_t{layer} * o.chunks() + where.chunk];
}

/// The most urgent order that waits for the slice.
std::optional<read_queue::place> read_queue::first_that_lacks(slice what) const {
  std::optional<place> best;
  auto rank = [&](place p) { return std::pair{orders_.at(p.order).wanted, orders_.at(p.order).arrival}; };
  if (auto all = wanters_.find(what.slot); all != wanters_.end())
    for (auto p : all->second)
      if (lacks(p, what.layer) && (!best || rank(p) < rank(*best))) best = p;
  return best;
}

std::optional<read_queue::place> read_queue::first_that_has(slice what) const {
  if (auto all = wanters_.find(what.slot); all != wanters_.end())
    for (auto p : all->second)
      if (!lacks(p, what.layer)) return p;
  return {};
}

void read_queue::arrived(place where, std::uint32_t layer) {
  auto& o = orders_.at(where.order);
  o.here[std::size_t{layer} * o.chunks() + where.chunk] = true;
  --o.missing[layer];
  --o.slices_missing;
  --slices_missing_[static_cast<std::size_t>(o.wanted)];
  while (o.layers_ready < limits_.layers && o.missing[o.layers_ready] == 0)
    todo_.ready.emplace_back(where.order, o.layers_ready++);
  if (o.layers_ready == limits_.layers) withdraw(where.order);
}

void read_queue::fail(place where, bool late) {
  todo_.failed.push_back({where, late});
  withdraw(where.order);
}

/// The order wants nothing any more.
void read_queue::withdraw(ticket id) {
  auto& o = orders_.at(id);
  o.ended = true;
  slices_missing_[static_cast<std::size_t>(o.wanted)] -= o.slices_missing;
  lines_[static_cast<std::size_t>(o.wanted)].erase(o.arrival);
  for (auto slot : o.slots) {
    auto all = wanters_.find(slot);
    if (all == wanters_.end()) continue;  // a chunk that the order has twice
    std::erase_if(all->second, [&](place p) { return p.order == id; });
    if (all->second.empty()) wanters_.erase(all);
  }
  cancel_reads_nobody_wants();
}

void read_queue::cancel_reads_nobody_wants() {
  for (const auto& [id, r] : reads_)
    if (!first_that_lacks(r.what)) pull(id);
}

/// Out of the device's line, if it is still there.
void read_queue::pull(read_id id) {
  if (!std::exchange(reads_.at(id).cancelling, true)) todo_.cancels.push_back(id);
}

void read_queue::leave_if_idle(ticket id) {
  auto found = orders_.find(id);
  if (found == orders_.end() || !found->second.ended || found->second.under_way > 0) return;
  orders_.erase(found);
  todo_.over.push_back(id);
}

}  // namespace chromatin::io

#include "actors/tier_below.hpp"

#include <algorithm>
#include <utility>

#include <caf/send.hpp>

#include "kv/check.hpp"

namespace chromatin {

void tier_below::attach(tier_actor tier, upper_tier_actor upper, const key_list& known) {
  detach({});
  tier_ = std::move(tier);
  upper_ = std::move(upper);
  for (auto key : known) settings_.safe(key, false);
}

void tier_below::detach(const key_list& known) {
  tier_ = nullptr;
  copies_.clear();
  waiting_.clear();
  refused_.clear();
  under_way_ = 0;
  for (auto key : known) settings_.safe(key, true);
}

void tier_below::offer(kv::chunk_key key) {
  if (!tier_) return settings_.safe(key, true);
  auto [known, fresh] = copies_.try_emplace(key, copy::waiting);
  if (!fresh) {
    if (known->second != copy::refused) return;
    known->second = copy::waiting;
  }
  waiting_.push_back(key);
  send_waiting();
}

void tier_below::is_there(kv::chunk_key key) {
  give_credit(key);  // it may have been on its way, too
  if (tier_) copies_[key] = copy::safe;
  settings_.safe(key, true);
  send_waiting();
}

bool tier_below::take_credit() {
  auto most = std::max<std::uint64_t>(1, settings_.credit_bytes / settings_.chunk_bytes);
  if (under_way_ >= most) return false;
  ++under_way_;
  return true;
}

void tier_below::give_credit(kv::chunk_key key) {
  auto known = copies_.find(key);
  if (known == copies_.end() || known->second != copy::under_way) return;
  CHROMATIN_CHECK(under_way_ > 0, "what is on its way was counted");
  --under_way_;
}

void tier_below::send_waiting() {
  save_order order{{}, 0, settings_.layers, {}};
  while (!waiting_.empty()) {
    auto known = copies_.find(waiting_.front());
    bool waits = known != copies_.end() && known->second == copy::waiting;
    if (auto found = waits ? settings_.find(known->first) : std::nullopt) {
      if (!take_credit()) break;
      known->second = copy::under_way;
      order.chunks.push_back(*std::move(found));
    } else if (waits) {
      copies_.erase(known);
    }
    waiting_.pop_front();
  }
  if (!order.chunks.empty()) caf::anon_send(tier_, atom::save_v, std::move(order), upper_);
}

void tier_below::save_layers(save_order order) {
  if (!tier_) return;
  std::erase_if(order.chunks, [&](const chunk& c) {
    auto known = copies_.find(c.link.key);
    if (order.layer_begin > 0) return known == copies_.end() || known->second != copy::under_way;
    if (known != copies_.end()) return known->second != copy::under_way;  // under way: its layers begin again
    if (!take_credit()) return true;
    copies_[c.link.key] = copy::under_way;
    return false;
  });
  if (!order.chunks.empty()) caf::anon_send(tier_, atom::save_v, std::move(order), upper_);
}

void tier_below::give_up(kv::chunk_key key) {
  if (is_safe(key)) return;
  forget(key);
  if (tier_) caf::anon_send(tier_, atom::erase_v, key_list{key});
  if (settings_.find(key)) offer(key);
}

void tier_below::forget(kv::chunk_key key) {
  give_credit(key);
  copies_.erase(key);
  send_waiting();  // what is erased below, too, may never be answered
}

void tier_below::on_saved(const key_list& keys) {
  for (auto key : keys) {
    auto known = copies_.find(key);
    if (known == copies_.end()) continue;
    give_credit(key);
    known->second = copy::safe;
    settings_.safe(key, true);
  }
  send_waiting();
  offer_some_refused();
}

void tier_below::on_refused(const key_list& keys) {
  for (auto key : keys) {
    auto known = copies_.find(key);
    if (known == copies_.end() || known->second == copy::safe) continue;
    give_credit(key);
    known->second = copy::refused;
    refused_.push_back(key);
    settings_.safe(key, true);  // it may go, and is lost then
  }
  send_waiting();
}

void tier_below::offer_some_refused() {
  constexpr int at_a_time = 4;
  for (int n = 0; n < at_a_time && !refused_.empty(); refused_.pop_front())
    if (is_refused(refused_.front())) offer(refused_.front()), ++n;
}

bool tier_below::is_safe(kv::chunk_key key) const {
  auto known = copies_.find(key);
  return known != copies_.end() && known->second == copy::safe;
}

bool tier_below::is_refused(kv::chunk_key key) const {
  auto known = copies_.find(key);
  return known != copies_.end() && known->second == copy::refused;
}

}  // namespace chromatin

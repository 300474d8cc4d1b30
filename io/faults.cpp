#include "io/faults.hpp"

#include <charconv>
#include <stdexcept>

#include <fmt/format.h>

namespace chromatin::io {
namespace {

constexpr std::array names{"read_error",  "write_error", "no_space",        "sync_error",      "short_read",
                           "short_write", "torn_write",  "read_flip",       "write_flip",      "misdirected_write",
                           "slow",        "stuck",       "power_cut_keeps", "power_cut_drops", "power_cut_tears"};
static_assert(names.size() == fault_kinds);

constexpr std::uint64_t million = 1'000'000;

std::size_t at(fault what) { return static_cast<std::size_t>(what); }
std::size_t fate_at(fault at_cut) { return at(at_cut) - at(fault::cut_keeps); }

}  // namespace

const char* to_string(fault what) { return names[at(what)]; }

void fault_counts::cut() {
  for (auto f : {fault::cut_keeps, fault::cut_drops, fault::cut_tears})
    fired[at(f)] += unsynced[fate_at(f)].exchange(0);
}

fault_odds parse_odds(std::string_view text) {
  fault_odds odds{};
  while (!text.empty()) {
    auto one = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    auto equals = one.find('=');
    auto name = one.substr(0, equals);
    std::uint32_t value = 0;
    auto digits = equals == one.npos ? std::string_view{} : one.substr(equals + 1);
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size())
      throw std::invalid_argument(fmt::format("{}: a fault's odds are NAME=N, N of a million operations", one));
    bool known = false;
    for (std::size_t i = 0; i < at(fault::cut_keeps); ++i)
      if (name == "all" || name == names[i]) odds[i] = value, known = true;
    if (!known) throw std::invalid_argument(fmt::format("{}: there is no such fault", name));
  }
  return odds;
}

fault_dice::fault_dice(std::uint64_t seed, const fault_odds& odds, fault_counts* counts)
    : random_{seed}, odds_{odds}, counts_{counts ? counts : &own_} {}

bool fault_dice::strikes(fault what) {
  std::lock_guard lock{mutex_};
  auto& certain = certain_[at(what)];
  // Drawn also when the odds are nothing, so that what is drawn later does not depend on them.
  bool by_chance = random_() % million < odds_[at(what)];
  auto& spared = spared_[at(what)];
  bool for_sure = certain > 0 && spared == 0;
  if (spared > 0) --spared;
  if (for_sure) --certain;
  if (!by_chance && !for_sure) return false;
  ++counts_->fired[at(what)];
  return true;
}

void fault_dice::strike_next(fault what, std::uint32_t count, std::uint32_t spared) {
  std::lock_guard lock{mutex_};
  certain_[at(what)] = count;
  spared_[at(what)] = spared;
}

void fault_dice::set_odds(const fault_odds& odds) {
  std::lock_guard lock{mutex_};
  odds_ = odds;
}

void fault_dice::lift() {
  std::lock_guard lock{mutex_};
  odds_ = {};
  certain_ = spared_ = {};
}

std::uint64_t fault_dice::draw(std::uint64_t below) {
  std::lock_guard lock{mutex_};
  return random_() % below;
}

fault_dice::fate fault_dice::draw_fate(std::uint64_t parts) {
  switch (draw(parts > 1 ? 3 : 2)) {
    case 0:
      return {fault::cut_keeps, 0, parts};
    case 1:
      return {fault::cut_drops, 0, 0};
    default: {
      auto first = draw(parts);
      auto count = 1 + draw(std::min(parts - first, parts - 1));
      return {fault::cut_tears, first, first + count};
    }
  }
}

void unsynced_fates::add(fault at_cut) {
  ++mine_[fate_at(at_cut)];
  ++counts_.unsynced[fate_at(at_cut)];
}

void unsynced_fates::synced() {
  for (std::size_t i = 0; i < mine_.size(); ++i) counts_.unsynced[i] -= std::exchange(mine_[i], 0);
}

void unsynced_fates::cut() {
  for (std::size_t i = 0; i < mine_.size(); ++i) counts_.fired[at(fault::cut_keeps) + i] += mine_[i];
  synced();
}

}  // namespace chromatin::io

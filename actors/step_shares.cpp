#include "actors/step_shares.hpp"

#include <algorithm>

namespace chromatin {
namespace {

/// What a step counts beside the one after it.
constexpr double fades = 0.98;
/// A client that added little has this much good at most: so long may it add more than its share later.
constexpr double credit_us_max = 50'000;

}  // namespace

std::set<step_shares::client> step_shares::sitting_out(const std::set<client>& ready) const {
  std::set<client> out;
  for (auto c : ready)
    if (auto found = credit_us_.find(c); found != credit_us_.end() && found->second < 0) out.insert(c);
  if (out.size() == ready.size()) out.clear();
  return out;
}

void step_shares::stepped(double us, const std::map<client, std::uint32_t>& tokens, const std::set<client>& ready) {
  double all = 0;
  for (auto [c, count] : tokens) all += count;
  for (auto [sum, more] : {std::pair{&n_, 1.0}, {&x_, all}, {&y_, us}, {&xx_, all * all}, {&xy_, all * us}})
    *sum = fades * *sum + more;
  // Only who is there now has a share; who was away begins anew.
  std::erase_if(credit_us_, [&](const auto& of) { return !ready.contains(of.first); });
  if (ready.size() < 2) return credit_us_.clear();
  auto share = us / static_cast<double>(ready.size()), one = us_per_token();
  for (auto c : ready) {
    auto had = tokens.find(c);
    auto added = had == tokens.end() ? 0 : one * had->second;
    auto& credit = credit_us_[c];
    credit = std::min(credit + share - added, credit_us_max);
  }
}

double step_shares::us_per_token() const {
  auto spread = n_ * xx_ - x_ * x_;
  if (spread < 1e-9 * n_ * xx_) return 0;  // all steps had as many
  return std::max(0.0, (n_ * xy_ - x_ * y_) / spread);
}

}  // namespace chromatin

#pragma once

/// How much of a step's time each client may add to it. Pure; times come from the steps themselves.
///
/// A step takes a time that does not depend on who is in it, and some more for each token. When N clients have turns
/// that could go on, the tokens of each may add an N-th of the time of all steps: then what the others get is at least
/// what they would get of equal shares. Who has added more sits out until that has come true. Where a token adds next
/// to nothing, as on a device that is not busy, nobody ever does.

#include <cstdint>
#include <map>
#include <set>

namespace chromatin {

class step_shares {
 public:
  using client = std::uint64_t;

  /// Of clients with turns that could take part in the next step, those that sit it out; never all.
  std::set<client> sitting_out(const std::set<client>& ready) const;
  /// A step in which each client had so many tokens took `us`; those of `ready` that are not in `tokens` sat it out.
  void stepped(double us, const std::map<client, std::uint32_t>& tokens, const std::set<client>& ready);

  /// What a token adds to a step, as measured.
  double us_per_token() const;

 private:
  std::map<client, double> credit_us_;  ///< of clients that are not where they began
  /// Of tokens x and times y of steps, of which later ones count more.
  double n_ = 0, x_ = 0, y_ = 0, xx_ = 0, xy_ = 0;
};

}  // namespace chromatin

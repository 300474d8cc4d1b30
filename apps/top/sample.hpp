#pragma once

/// A server's counters at one time, and how fast they went up since an earlier one. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "actors/client_values.hpp"

namespace chromatin::top {

struct sample {
  std::vector<counters> parts;
  double at_s = 0;  ///< of any clock that does not jump
};

/// Nothing where the server does not tell (or not this tenant).
std::optional<std::int64_t> value_of(const sample& s, std::string_view part, std::string_view name);

/// False for what goes up and down, such as the turns that wait.
bool only_goes_up(std::string_view name);

/// Per second. Nothing without an earlier sample, for what goes up and down, and after a part was started again.
std::optional<double> rate_of(const sample& now, const sample* before, std::string_view part, std::string_view name);

/// The last word of a counter's name is its unit (`used_bytes`, `compute_us`, `hit_chunks`); the rate of `x` is
/// `x_per_s`.
nlohmann::ordered_json to_json(const sample& now, const sample* before);

/// For people: a line for each counter, with its rate where there is one.
std::string to_text(const sample& now, const sample* before);

}  // namespace chromatin::top

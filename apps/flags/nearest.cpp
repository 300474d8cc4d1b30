#include "apps/flags/nearest.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

namespace chromatin {
namespace {

constexpr std::size_t letters_per_mistake = 3;

char small(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> above, before(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    above = std::exchange(before, row);  // above: two rows up
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      bool same = small(a[i - 1]) == small(b[j - 1]);
      row[j] = std::min({before[j] + 1, row[j - 1] + 1, before[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && small(a[i - 1]) == small(b[j - 2]) && small(a[i - 2]) == small(b[j - 1]))
        row[j] = std::min(row[j], above[j - 2] + 1);
    }
  }
  return row[b.size()];
}

std::string nearest(std::string_view word, const std::vector<std::string>& names) {
  std::string best;
  auto most = std::max<std::size_t>(1, word.size() / letters_per_mistake), least = most + 1;
  for (const auto& name : names)
    if (auto distance = edit_distance(word, name); distance < least) {
      least = distance;
      best = name;
    }
  return best;
}

}  // namespace chromatin

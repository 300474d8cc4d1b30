#include "http/metrics.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

namespace chromatin::http {

std::string to_metrics(const std::vector<counters>& parts) {
  auto word = [](std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
    return text;
  };
  std::string all;
  for (const auto& part : parts)
    for (const auto& [name, value] : part.values)
      all += fmt::format("chromatin_{}_{} {}\n", word(part.part), word(name), value);
  return all;
}

}  // namespace chromatin::http

#include "model/jinja/text.hpp"

#include <algorithm>

namespace chromatin::model::jinja {

text::text(std::string bytes, source from) : bytes_{std::move(bytes)} {
  if (!bytes_.empty()) runs_.push_back({bytes_.size(), from});
}

void text::append(std::string_view bytes, source from) {
  if (bytes.empty()) return;
  bytes_ += bytes;
  if (!runs_.empty() && runs_.back().from == from)
    runs_.back().size += bytes.size();
  else
    runs_.push_back({bytes.size(), from});
}

void text::append(const text& other, std::size_t at, std::size_t count) {
  if (at >= other.size()) return;
  auto rest = std::string_view{other.bytes_}.substr(at, count);
  for (const auto& [size, from] : other.runs_) {
    if (at >= size) {
      at -= size;
      continue;
    }
    auto taken = std::min(size - at, rest.size());
    append(rest.substr(0, taken), from);
    rest.remove_prefix(taken);
    at = 0;
    if (rest.empty()) return;
  }
}

text text::part(std::size_t at, std::size_t count) const {
  text result;
  result.append(*this, at, count);
  return result;
}

source text::summary() const {
  source result = of_template;
  for (const auto& r : runs_)
    if (r.from != of_template) result = r.from;
  return result;
}

}  // namespace chromatin::model::jinja

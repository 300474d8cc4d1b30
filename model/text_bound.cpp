#include "model/text_bound.hpp"

#include <algorithm>

namespace chromatin::model {

text_bound::text_bound(const tokenizer& words) {
  for (std::uint32_t id = 0; id < words.size(); ++id) {
    auto bytes = words.bytes(static_cast<kv::token_id>(id));
    longest_token_bytes_ = std::max(longest_token_bytes_, bytes.size());
    // White space may be joined, and other characters composed; of characters that are no token many become one.
    if (bytes.size() == 1 && bytes[0] > ' ' && bytes[0] < 127) counts_[static_cast<unsigned char>(bytes[0])] = true;
  }
}

std::size_t text_bound::tokens_at_least(std::string_view text) const {
  auto counted = std::ranges::count_if(text, [&](char c) { return counts_[static_cast<unsigned char>(c)]; });
  return (static_cast<std::size_t>(counted) + longest_token_bytes_ - 1) / longest_token_bytes_;
}

}  // namespace chromatin::model

#include "actors/messages.hpp"

#include <algorithm>

namespace chromatin {

void add_hit(hit_list& list, std::string_view tier, std::uint32_t tokens) {
  if (tokens == 0) return;
  auto known = std::find_if(list.begin(), list.end(), [&](const hit& h) { return h.tier == tier; });
  if (known != list.end())
    known->tokens += tokens;
  else
    list.push_back({std::string{tier}, tokens});
}

std::uint32_t tokens_from(const hit_list& list, std::string_view tier) {
  auto known = std::find_if(list.begin(), list.end(), [&](const hit& h) { return h.tier == tier; });
  return known == list.end() ? 0 : known->tokens;
}

}  // namespace chromatin

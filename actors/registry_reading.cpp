// What the registry tells without writing anything: a part of the registry.

#include <algorithm>

#include <fmt/format.h>

#include "actors/registry.hpp"

namespace chromatin {
namespace {

/// What one answer to `read` may hold, beyond its last message.
constexpr std::size_t read_bytes_max = 1u << 20;
constexpr std::uint32_t read_batch = 16;

}  // namespace

caf::result<conversation_list> registry_state::list(const std::string& tenant, const std::string& after,
                                                    std::uint32_t count_max) {
  return guarded<conversation_list>(
      [&]() -> caf::result<conversation_list> { return describe(store->list(tenant, after, count_max)); });
}

caf::result<conversation_list> registry_state::latest(const std::string& tenant, std::uint32_t count_max) {
  return guarded<conversation_list>(
      [&]() -> caf::result<conversation_list> { return describe(store->latest(tenant, count_max)); });
}

conversation_list registry_state::describe(const std::vector<io::listed_conversation>& listed) const {
  conversation_list all;
  for (const auto& one : listed) {
    auto& info = all.emplace_back(describe(one));
    info.created_s = one.label.created_s;
    info.metadata = one.label.metadata;
  }
  return all;
}

caf::result<transcript> registry_state::read(const conversation_ref& which, std::uint32_t first,
                                             std::uint32_t count_max) {
  return guarded<transcript>([&]() -> caf::result<transcript> {
    auto summary = store->find(key_of(which));
    if (!summary) return absent(which);
    transcript result{.first = first, .total = summary->messages};
    std::size_t bytes = 0;
    while (count_max > 0 && bytes < read_bytes_max) {
      auto next = first + static_cast<std::uint32_t>(result.messages.size());
      auto some = store->read(key_of(which), next, std::min(count_max, read_batch));
      if (some.empty()) break;
      count_max -= static_cast<std::uint32_t>(some.size());
      for (auto& m : some) {
        bytes += m.content.size();
        result.messages.push_back({std::move(m.role), std::move(m.content)});
      }
    }
    return result;
  });
}

caf::result<key_list> registry_state::lookup(const conversation_ref& which) {
  return guarded<key_list>([&]() -> caf::result<key_list> {
    auto record = load(which);
    if (!record) return absent(which);
    key_list keys;
    for (const auto& link : kv::chain(record->window, record->window.settled)) keys.push_back(link.key);
    return keys;
  });
}

caf::result<matched_conversation> registry_state::match(const std::string& tenant, const std::string& salt,
                                                        const message_list& messages) {
  return guarded<matched_conversation>([&]() -> caf::result<matched_conversation> {
    std::vector<io::stored_message> wanted;
    for (const auto& m : messages) wanted.push_back({m.role, m.content, {}});
    auto found = store->match(tenant, root_of(tenant, salt), wanted);
    return found ? matched_conversation{found->id, found->shared, found->messages} : matched_conversation{};
  });
}

caf::result<prepared_turn> registry_state::append(const conversation_ref& which, const plain_prompt& prompt) {
  if (auto error = check_length("prompt", "the prompt", bound.tokens_at_least(prompt.text))) return error;
  return guarded<prepared_turn>([&]() -> caf::result<prepared_turn> {
    kv::lineage window{.tokens = prompt.tokens, .root = root_of(which.tenant, which.salt)};
    auto vocabulary = checkpoint->config.vocabulary;
    if (std::ranges::any_of(window.tokens, [&](kv::token_id token) { return token >= vocabulary; }))
      return wrong_field("prompt", ec::invalid_argument, fmt::format("a prompt's tokens are below {}", vocabulary));
    if (window.tokens.empty()) window.tokens = render().text(prompt.text);
    if (window.tokens.size() >= checkpoint->config.context) return full("prompt", "the prompt", window.tokens.size());
    return prepared_turn{std::move(window), 0};
  });
}

}  // namespace chromatin

// How a conversation of one model goes on with another: a part of the registry.

#include <algorithm>

#include <fmt/format.h>

#include "actors/registry.hpp"
#include "actors/registry_window.hpp"

namespace chromatin {

kv::hash128 registry_state::salt_of(const std::string& tenant, const std::string& salt) {
  auto known = salts.find(tenant);
  if (known == salts.end()) known = salts.emplace(tenant, store->tenant_salt(tenant)).first;
  return salt.empty() ? known->second : kv::hash(std::as_bytes(std::span{salt}), known->second);
}

std::optional<io::served_model> registry_state::model_of(kv::chunk_key root, const conversation_ref& which) {
  auto salt = salt_of(which.tenant, which.salt);
  for (auto& model : store->models())
    if (kv::root_key(model.cache, salt) == root) return std::move(model);
  return {};
}

caf::error registry_state::take_over(provisional& turn, io::conversation_record& record) {
  auto model = model_of(record.window.root, turn.conversation);
  if (!model)
    return wrong_field("cache_salt", ec::invalid_argument, "a conversation keeps the cache_salt that it began with");
  turn.taken_over = true;
  turn.retold = model->source != checkpoint->fingerprint || model->source == kv::fingerprint{};
  // The tokens stay, and the keys of their chunks are others.
  record.window = {.tokens = std::move(record.window.tokens),
                   .root = root_of(turn.conversation.tenant, turn.conversation.salt),
                   .keep = record.window.keep};
  return {};
}

std::vector<kv::token_id> registry_state::begin_retold(provisional& turn, const message_list& messages) {
  auto& change = turn.change;
  auto all = said_in(turn.conversation);
  const auto before = all.size();
  all.insert(all.end(), messages.begin(), messages.end());
  auto made = render().go_on({}, all);
  start_window(turn, made.head);
  change.replaces_window = true;
  std::vector<kv::token_id> said;
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto& tokens = made.messages[i];
    auto& to = i < before ? change.window.tokens : said;
    if (bool in_head = i == 0 && all[0].role == "system"; !in_head) to.insert(to.end(), tokens.begin(), tokens.end());
    if (i < before)
      change.retold.push_back(std::move(tokens));
    else
      change.messages.push_back({all[i].role, all[i].content, std::move(tokens)});
  }
  turn.answer_prompt = std::move(made.answer_prompt);
  return said;
}

void registry_state::check_vocabulary(const conversation_ref& which, const kv::lineage& window) const {
  auto foreign = [this](kv::token_id token) { return token >= checkpoint->config.vocabulary; };
  bool damaged = std::ranges::any_of(window.tokens, foreign);
  for (const auto& cut : window.cuts) damaged = damaged || std::ranges::any_of(cut.dropped, foreign);
  if (damaged)
    throw io::damaged_conversation(
        fmt::format("the conversation {} is damaged in registry.sqlite: it has a token that the model does not have; "
                    "keep what is right of it with `chromatin fsck --model MODEL --repair`",
                    which.id));
}

caf::error registry_state::check_fork(const conversation_ref& which, const io::conversation_record& record,
                                      std::uint32_t messages) {
  if (messages == record.messages || record.window.root == root_of(which.tenant, which.salt)) return {};
  auto model = model_of(record.window.root, which);
  auto window = record.window;
  if (!model || take_back(window, store->read(key_of(which), messages, all_messages))) return {};
  return caf::make_error(ec::invalid_argument,
                         fmt::format("the conversation is of {}, and its window cannot be taken back by tokens: say "
                                     "something in it with the model that is served, or serve that one",
                                     model->name.empty() ? "another model" : model->name));
}

key_list registry_state::forget_stored(const io::conversation_key& key) {
  auto chunks = store->forget(key);
  if (limits.erase_elsewhere && !chunks.empty()) limits.erase_elsewhere(chunks);
  return chunks;
}

}  // namespace chromatin

#include "model/added_tokens.hpp"

#include <charconv>
#include <unordered_map>

#include "model/config.hpp"
#include "model/tokenizer_json.hpp"

namespace chromatin::model {
namespace {

/// {"text": id, …}
std::vector<added_token> read_ids(const json_node& in) {
  std::vector<added_token> all;
  for (const auto& [content, id] : in.value.items()) {
    if (content.empty()) in.refuse("a token without text");
    all.push_back({.content = content, .id = parse_token_id({id, in.where + ": " + content})});
  }
  return all;
}

/// {"id": {"content": …}, …}
std::vector<added_token> read_decoder(const json_node& in) {
  if (!in.value.is_object()) in.refuse("must be an object");
  std::vector<added_token> all;
  for (const auto& [key, token] : in.value.items()) {
    nlohmann::json id;
    std::uint32_t number = 0;
    if (auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), number);
        error == std::errc{} && end == key.data() + key.size())
      id = number;
    all.push_back(parse_added_token({token, in.where + ": " + key}));
    all.back().id = parse_token_id({id, in.where + ": " + key});
  }
  return all;
}

}  // namespace

folder_tokens read_folder_tokens(const std::filesystem::path& folder) {
  folder_tokens out;
  if (auto file = folder / "tokenizer_config.json"; std::filesystem::exists(file)) {
    auto parsed = parse_json_object(read_file(file), file.string());
    json_node config{parsed, file.string()};
    out.legacy = config.flag("legacy", true);
    if (config.has("added_tokens_decoder")) out.added = read_decoder(config.at("added_tokens_decoder"));
  }
  if (auto file = folder / "added_tokens.json"; std::filesystem::exists(file)) {
    auto parsed = parse_json_object(read_file(file), file.string());
    merge_added(read_ids({parsed, file.string()}), out.added);
  }
  return out;
}

void merge_added(const std::vector<added_token>& more, std::vector<added_token>& to) {
  std::unordered_map<std::string, std::size_t> known;
  for (std::size_t i = 0; i < to.size(); ++i) known.emplace(to[i].content, i);
  for (const auto& token : more) {
    auto [same, is_new] = known.emplace(token.content, to.size());
    if (!is_new && to[same->second].id == token.id)
      to[same->second].special |= token.special;
    else  // of a text with two ids whoever builds the tokenizer refuses one
      to.push_back(token);
  }
}

}  // namespace chromatin::model

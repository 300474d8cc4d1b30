#include "model/chat_description.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "model/config.hpp"
#include "model/json_node.hpp"
#include "model/load_error.hpp"

namespace chromatin::model {
namespace {

/// A token's text: a string, or an object that has it as its content; both are in use. Empty if there is none.
std::string piece_at(const json_node& in, const char* key) {
  if (!in.has(key)) return {};
  return in.at(key).value.is_object() ? in.at(key).text("content", "") : in.text(key);
}

/// The template itself, or the one called default of a list. Empty if there is none.
std::string template_text(const json_node& in) {
  if (!in.has("chat_template")) return {};
  if (!in.at("chat_template").value.is_array()) return in.text("chat_template");
  for (const auto& entry : in.list("chat_template"))
    if (json_node one{entry, in.where + ": chat_template"}; one.text("name", "") == "default")
      return one.text("template");
  in.refuse("\"chat_template\" has several, and none of them is called default");
}

}  // namespace

chat_description read_chat_description(const std::filesystem::path& folder) {
  auto jinja = folder / "chat_template.jinja", file = folder / "tokenizer_config.json";
  chat_description chat;
  // What the second file names counts where the first does not name it.
  for (const auto& part : {file, folder / "special_tokens_map.json"}) {
    if (!std::filesystem::exists(part)) continue;
    auto parsed = parse_json_object(read_file(part), part.string());
    json_node in{parsed, part.string()};
    for (const char* key :
         {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}) {
      auto piece = piece_at(in, key);
      bool known = std::any_of(chat.special.begin(), chat.special.end(), [&](const auto& s) { return s.first == key; });
      if (!piece.empty() && !known) chat.special.emplace_back(key, std::move(piece));
    }
    if (part == file && !std::filesystem::exists(jinja)) chat.text = template_text(in);
  }
  for (const auto& [key, piece] : chat.special) {
    if (key == "bos_token") chat.bos = piece;
    if (key == "eos_token") chat.eos = piece;
  }
  chat.file = file.filename().string();
  chat.where = fmt::format("{}: \"chat_template\"", file.string());
  if (std::filesystem::exists(jinja)) {
    chat.file = jinja.filename().string();
    chat.where = jinja.string();
    chat.text = read_file(jinja);
  } else if (chat.text.empty()) {
    throw load_error(fmt::format("{}: has no chat_template; a chat model is needed", file.string()));
  }
  return chat;
}

}  // namespace chromatin::model

// A chat template as a checkpoint brings it, and messages in the known ones.

#include <algorithm>

#include "model/chat_template.hpp"
#include "model/load_error.hpp"
#include "tests/fuzz/input.hpp"

using namespace chromatin;

namespace {

void check(const model::chat_template& chat, const model::tokenizer& words, const std::string& text) {
  auto nothing = chat.render({"user", ""}, {});
  auto ids = chat.render({"user", text}, {});
  auto controls = [&](const std::vector<kv::token_id>& all) {
    return std::ranges::count_if(all, [&](kv::token_id id) { return words.bytes(id).empty(); });
  };
  for (auto id : ids) fuzz::must(id < words.size());
  fuzz::must(controls(ids) == controls(nothing));  // no text makes a turn
  chat.render({"assistant", text}, "user");
  chat.render({"system", text}, {});
}

}  // namespace

/// The first line is a message, the rest the template.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto concierge = std::filesystem::path{CHROMATIN_SOURCE_DIR} / "assets/concierge";
  static const auto words = model::tokenizer::open(concierge);
  static const auto known = model::chat_template::recognise(concierge, words);
  static const test::temporary_folder folder;
  auto text = fuzz::text_of(data, size);
  auto line_end = std::min(text.find('\n'), text.size());
  std::string message{text.substr(0, line_end)};
  check(known, *words, message);
  fuzz::write_file(folder / "chat_template.jinja", text.substr(std::min(line_end + 1, text.size())));
  fuzz::write_file(folder / "tokenizer_config.json", R"({"bos_token": "<s>", "eos_token": "</s>"})");
  try {
    check(model::chat_template::recognise(folder.path(), words), *words, message);
  } catch (const model::load_error& e) {
    fuzz::must(std::string_view{e.what()}.find('\n') == std::string_view::npos);
  }
  return 0;
}

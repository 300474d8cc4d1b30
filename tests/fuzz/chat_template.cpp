// A chat template as a checkpoint brings it, and messages in it.

#include <algorithm>

#include "model/chat_template.hpp"
#include "model/load_error.hpp"
#include "tests/fuzz/input.hpp"

using namespace chromatin;

namespace {

const std::filesystem::path concierge{CHROMATIN_SOURCE_DIR "/assets/concierge"};

const std::shared_ptr<const model::tokenizer>& words() {
  static const auto opened = model::tokenizer::open(concierge);
  return opened;
}

std::vector<kv::token_id> rendered(const model::chat_template& chat, const std::vector<model::message>& all) {
  auto made = chat.go_on({}, all);
  auto tokens = made.head;
  for (std::size_t i = all[0].role == "system"; i < all.size(); ++i)
    tokens.insert(tokens.end(), made.messages[i].begin(), made.messages[i].end());
  tokens.insert(tokens.end(), made.answer_prompt.begin(), made.answer_prompt.end());
  return tokens;
}

/// No text makes a turn.
void check_controls(const std::string& text) {
  static const auto known = model::chat_template::open(concierge, words());
  auto controls = [&](const std::string& said) {
    return std::ranges::count_if(rendered(known, {{"user", said}}),
                                 [](kv::token_id id) { return words()->bytes(id).empty(); });
  };
  fuzz::must(controls(text) == controls("x"));
}

/// What a template does not run with is an error of one line, and nothing else.
void check(const model::chat_template& chat, const std::string& text) {
  try {
    for (auto id : rendered(chat, {{"user", text}})) fuzz::must(id < words()->size());
    rendered(chat, {{"system", text}, {"user", text}});
    std::vector<model::message> before{{"user", text}, {"assistant", text}}, added{{"user", text}};
    auto more = chat.go_on(before, added);
    fuzz::must(more.kept <= before.size() && more.messages.size() == before.size() + added.size() - more.kept);
  } catch (const model::jinja::template_error& e) {
    fuzz::must(std::string_view{e.what()}.find('\n') == std::string_view::npos);
  }
}

}  // namespace

/// The first line is a message, the rest the template.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const test::temporary_folder folder;
  auto text = fuzz::text_of(data, size);
  auto line_end = std::min(text.find('\n'), text.size());
  std::string message{text.substr(0, line_end)};
  check_controls(message);
  fuzz::write_file(folder / "chat_template.jinja", text.substr(std::min(line_end + 1, text.size())));
  fuzz::write_file(folder / "tokenizer_config.json", R"({"bos_token": "<s>", "eos_token": "</s>"})");
  try {
    check(model::chat_template::open(folder.path(), words()), message);
  } catch (const model::load_error& e) {
    fuzz::must(std::string_view{e.what()}.find('\n') == std::string_view::npos);
  }
  return 0;
}

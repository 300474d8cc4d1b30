// Text that a user sends, with both kinds of tokenizer.

#include <algorithm>

#include "model/text_stream.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/model/tiny_tokenizer.hpp"

using namespace chromatin;

namespace {

std::shared_ptr<const model::tokenizer> byte_level() {
  static const test::temporary_folder folder;
  auto file = model::tiny_tokenizer({"h e", "l l", "he ll", "hell o", "Ġ w", "o r"});
  model::add_token(file, "<|user|>", true);
  model::add_token(file, "plain", false);
  fuzz::write_file(folder / "tokenizer.json", file.dump());
  return model::tokenizer::open(folder.path());
}

void check(const model::tokenizer& words, std::string_view text, bool exact) {
  auto ids = words.encode(text);
  std::string back;
  for (auto id : ids) {
    fuzz::must(id < words.size());
    back += words.bytes(id);
  }
  for (auto piece : {"<s>", "</s>", "<|user|>"})
    if (auto control = words.find_control(piece)) fuzz::must(std::ranges::find(ids, *control) == ids.end());
  if (exact) fuzz::must(back == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto bytes = byte_level();
  static const auto pieces = model::tokenizer::open(std::filesystem::path{CHROMATIN_SOURCE_DIR} / "assets/concierge");
  auto text = fuzz::text_of(data, size);
  check(*bytes, text, true);
  check(*pieces, text, false);
  return 0;
}

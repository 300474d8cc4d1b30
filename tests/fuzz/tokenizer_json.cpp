// tokenizer.json, and a text with what it says.

#include "model/load_error.hpp"
#include "model/tokenizer.hpp"
#include "tests/fuzz/input.hpp"

using namespace chromatin;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const test::temporary_folder folder;
  auto file = folder / "tokenizer.json";
  fuzz::write_file(file, fuzz::text_of(data, size));
  try {
    auto words = model::tokenizer::open(folder.path());
    for (auto id : words->encode("Hello, wörld! I'll say: 12345  \n\t<|user|> plain hello"))
      fuzz::must(id < words->size());
  } catch (const model::load_error& e) {
    fuzz::must(std::string_view{e.what()}.find('\n') == std::string_view::npos);
  }
  return 0;
}

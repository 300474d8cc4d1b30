// config.json and generation_config.json.

#include "model/config.hpp"
#include "model/load_error.hpp"
#include "tests/fuzz/input.hpp"

using namespace chromatin;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const test::temporary_folder folder;
  for (auto name : {"config.json", "generation_config.json"}) std::filesystem::remove(folder / name);
  fuzz::write_files(folder.path(), fuzz::text_of(data, size));
  try {
    auto c = model::read_config(folder.path());
    fuzz::must(c.layers > 0 && c.kv_heads > 0 && c.heads % c.kv_heads == 0 && c.head_dim > 0 && c.vocabulary > 0 &&
               c.context > 0);
    fuzz::must(c.cache_geometry(kv::dtype::f32).chunk_bytes() >= c.layers);  // no product overflowed
    for (auto token : c.end_of_answer) fuzz::must(token < c.vocabulary);
  } catch (const model::load_error& e) {
    fuzz::must(std::string_view{e.what()}.find('\n') == std::string_view::npos);
  }
  return 0;
}

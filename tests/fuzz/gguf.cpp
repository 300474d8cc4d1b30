// A GGUF file: its format, and what becomes of its metadata.

#include "model/checkpoint.hpp"
#include "model/gguf/file.hpp"
#include "model/load_error.hpp"
#include "tests/fuzz/input.hpp"

using namespace chromatin;

namespace {

void must_be_one_line(const model::load_error& e) {
  fuzz::must(std::string_view{e.what()}.find('\n') == std::string_view::npos);
}

void parse(std::span<const std::byte> file) try {
  for (const auto& [name, t] : model::gguf::parse(file, "m.gguf").tensors) {
    fuzz::must(t.bytes.data() >= file.data() && t.bytes.data() + t.bytes.size() <= file.data() + file.size());
    fuzz::must(t.type == model::element::other || t.bytes.size() == model::row_bytes(t.type, t.size()));
  }
} catch (const model::load_error& e) {
  must_be_one_line(e);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const test::temporary_folder folder;
  std::vector<std::uint8_t> copy(data, data + size);  // so that a byte too far is one outside of memory
  parse(std::as_bytes(std::span{copy}));
  auto file = folder / "m.gguf";
  fuzz::write_file(file, fuzz::text_of(data, size));
  try {
    auto m = model::checkpoint::look_at(file);
    for (auto id : m->tokenizer->encode("Hello, w\xC3\xB6rld \x01 12345")) fuzz::must(id < m->config.vocabulary);
    for (const auto& [name, shape] : model::expected_tensors(m->config)) {
      std::vector<float> values(m->weights.at(name).size());
      model::to_f32(m->weights.at(name), values);
    }
  } catch (const model::load_error& e) {
    must_be_one_line(e);
  }
  return 0;
}

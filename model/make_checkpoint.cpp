#include "model/make_checkpoint.hpp"

#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model/checkpoint_config.hpp"
#include "model/load_error.hpp"
#include "model/make_tokenizer.hpp"
#include "model/random_values.hpp"
#include "model/weights.hpp"

namespace chromatin::model {
namespace {

void write_weights(const checkpoint_shape& checkpoint, std::uint64_t seed, std::ofstream& out) {
  nlohmann::ordered_json header;
  std::uint64_t at = 0;
  auto tensors = expected_tensors(checkpoint.config);
  for (const auto& [name, shape] : tensors) {
    std::uint64_t size = 2;
    for (auto dimension : shape) size *= dimension;
    header[name] = {{"dtype", "BF16"}, {"shape", shape}, {"data_offsets", {at, at + size}}};
    at += size;
  }
  auto text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::uint64_t text_bytes = text.size();
  out.write(reinterpret_cast<const char*>(&text_bytes), sizeof text_bytes);
  out << text;
  random_values random{seed};
  std::vector<std::uint16_t> row;
  for (const auto& [name, shape] : tensors) {
    auto rows = shape.size() == 1 ? 1 : shape[0];
    auto mean = name.ends_with("norm.weight") ? mean_of_norms(checkpoint.config) : 0.0f;
    row.resize(shape.back());
    for (std::uint64_t r = 0; r < rows; ++r) {
      for (auto& value : row) value = to_bf16(mean + random.normal(checkpoint.deviation));
      out.write(reinterpret_cast<const char*>(row.data()), static_cast<std::streamsize>(2 * row.size()));
    }
  }
}

void write_weights_file(const checkpoint_shape& shape, std::uint64_t seed, const std::filesystem::path& file) {
  std::ofstream out{file, std::ios::binary};
  write_weights(shape, seed, out);
  if (!out.flush()) throw load_error(fmt::format("{}: cannot be written", file.string()));
}

}  // namespace

void make_checkpoint(const std::string& name, std::uint64_t seed, const std::filesystem::path& folder,
                     const std::filesystem::path& embedded) {
  const auto& shape = find_checkpoint_shape(name);
  if (std::filesystem::exists(folder / "config.json"))
    throw load_error(fmt::format("{} holds a checkpoint already", folder.string()));
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw load_error(fmt::format("{}: {}", folder.string(), error.message()));
  make_tokenizer(shape, folder, embedded);
  write_text(folder / "generation_config.json", "{\"max_new_tokens\": 96}\n");
  write_weights_file(shape, seed, folder / "model.safetensors");
  write_text(folder / "config.json", config_text(shape));  // last: a folder with a config is complete
}

}  // namespace chromatin::model

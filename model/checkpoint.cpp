#include "model/checkpoint.hpp"

#include <array>

#include <fmt/format.h>

#include "model/load_error.hpp"
#include "model/model_source.hpp"
#include "model/rope.hpp"

namespace chromatin::model {
namespace {

/// What the parts must agree on.
void fit(config& c, const tokenizer& words, const chat_template& chat, const std::filesystem::path& path) {
  if (words.size() > c.vocabulary)
    throw load_error(fmt::format("{}: the tokenizer has {} pieces, the model a vocabulary of {}", path.string(),
                                 words.size(), c.vocabulary));
  if (!c.is_end_of_answer(chat.answer_end())) c.end_of_answer.push_back(chat.answer_end());
}

kv::fingerprint fingerprint_of(const weights& tensors, kv::hash128 others) {
  auto content = tensors.hash();
  return kv::hash(std::as_bytes(std::span{&content, 1}), others);
}

std::shared_ptr<const checkpoint> open_folder(const model_source& source, std::uint32_t context) {
  const auto& folder = source.path;
  auto config = read_config(folder, context);
  if (std::filesystem::exists(folder / "adapter_config.json"))
    throw load_error(fmt::format("{}: adapters are not supported; merge it into the model's weights",
                                 (folder / "adapter_config.json").string()));
  auto words = tokenizer::open(folder);
  auto chat = chat_template::open(folder, words);
  fit(config, *words, chat, folder);
  auto tensors = weights::open(folder, config);
  auto text = read_file(folder / "config.json");
  auto print = fingerprint_of(tensors, kv::hash(std::as_bytes(std::span{text}), words->hash()));
  if (auto choice = rope_choice(config)) print = kv::hash(std::as_bytes(std::span{&choice, 1}), print);
  return std::make_shared<const checkpoint>(
      checkpoint{source.name, std::move(config), std::move(words), std::move(chat), std::move(tensors), print});
}

}  // namespace

std::shared_ptr<const checkpoint> checkpoint::open(const std::filesystem::path& model, std::uint32_t context) {
  auto source = find_model(model);
  if (source.is_gguf())
    throw load_error(fmt::format("{}: tokenizers of GGUF files are not read yet", source.path.string()));
  return open_folder(source, context);
}

kv::fingerprint checkpoint::cache_fingerprint(kv::dtype type, bool int8_weights) const {
  std::array<std::uint32_t, 3> layout{static_cast<std::uint32_t>(type), kv::tokens_per_chunk, int8_weights ? 1u : 0u};
  return kv::hash(std::as_bytes(std::span{layout}), fingerprint);
}

}  // namespace chromatin::model

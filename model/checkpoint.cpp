#include "model/checkpoint.hpp"

#include <array>

#include <fmt/format.h>

#include "model/gguf/config_of.hpp"
#include "model/gguf/contents.hpp"
#include "model/gguf/tensors_of.hpp"
#include "model/gguf/tokenizer_of.hpp"
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

kv::fingerprint fingerprint_of(const config& c, const weights& tensors, kv::hash128 others) {
  auto content = tensors.hash();
  auto print = kv::hash(std::as_bytes(std::span{&content, 1}), others);
  if (auto choice = rope_choice(c)) print = kv::hash(std::as_bytes(std::span{&choice, 1}), print);
  return print;
}

std::shared_ptr<const checkpoint> open_folder(const model_source& source, std::uint32_t context, bool reads_weights) {
  const auto& folder = source.path;
  auto config = read_config(folder, context);
  if (std::filesystem::exists(folder / "adapter_config.json"))
    throw load_error(fmt::format("{}: adapters are not supported; merge it into the model's weights",
                                 (folder / "adapter_config.json").string()));
  auto words = tokenizer::open(folder, config.vocabulary);
  auto chat = chat_template::open(folder, words);
  fit(config, *words, chat, folder);
  auto tensors = weights::open(folder, config);
  auto text = read_file(folder / "config.json");
  kv::fingerprint print{};
  if (reads_weights) print = fingerprint_of(config, tensors, kv::hash(std::as_bytes(std::span{text}), words->hash()));
  return std::make_shared<const checkpoint>(
      checkpoint{source.name, std::move(config), std::move(words), std::move(chat), std::move(tensors), print});
}

std::shared_ptr<const checkpoint> open_gguf(const model_source& source, std::uint32_t context, bool reads_weights) {
  auto from = gguf::contents::open(source.path);
  auto config = gguf::config_of(from, context);
  auto words = gguf::tokenizer_of(from.values, config.vocabulary);
  auto chat = chat_template::open(gguf::chat_of(from.values), words);
  fit(config, *words, chat, source.path);
  auto named = gguf::tensors_of(from, config.heads, config.kv_heads);
  const auto& architecture = gguf::find_architecture(from.values);  // the metadata goes with the files
  auto tensors = [&] {
    try {
      return weights::of_files(std::move(from.files), std::move(named.tensors), std::move(named.paired_rows), config,
                               from.values.where());
    } catch (const tensor_error& e) {
      throw gguf::with_own_name(architecture, e);
    }
  }();
  kv::fingerprint print{};
  if (reads_weights) print = fingerprint_of(config, tensors, words->hash());
  return std::make_shared<const checkpoint>(
      checkpoint{source.name, std::move(config), std::move(words), std::move(chat), std::move(tensors), print});
}

std::shared_ptr<const checkpoint> open_any(const std::filesystem::path& model, std::uint32_t context,
                                           bool reads_weights) {
  auto source = find_model(model);
  return source.is_gguf() ? open_gguf(source, context, reads_weights) : open_folder(source, context, reads_weights);
}

}  // namespace

std::shared_ptr<const checkpoint> checkpoint::open(const std::filesystem::path& model, std::uint32_t context) {
  return open_any(model, context, true);
}

std::shared_ptr<const checkpoint> checkpoint::look_at(const std::filesystem::path& model, std::uint32_t context) {
  return open_any(model, context, false);
}

kv::fingerprint checkpoint::cache_fingerprint(kv::dtype type, weight_kind kind) const {
  std::array<std::uint32_t, 3> layout{static_cast<std::uint32_t>(type), kv::tokens_per_chunk,
                                      static_cast<std::uint32_t>(kind)};
  return kv::hash(std::as_bytes(std::span{layout}), fingerprint);
}

}  // namespace chromatin::model

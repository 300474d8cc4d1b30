#include "model/checkpoint.hpp"

#include <array>

#include <fmt/format.h>

#include "model/load_error.hpp"
#include "model/rope.hpp"

namespace chromatin::model {

std::shared_ptr<const checkpoint> checkpoint::open(const std::filesystem::path& folder, std::uint32_t context) {
  auto config = read_config(folder, context);
  if (std::filesystem::exists(folder / "adapter_config.json"))
    throw load_error(fmt::format("{}: adapters are not supported; merge it into the model's weights",
                                 (folder / "adapter_config.json").string()));
  auto words = tokenizer::open(folder);
  if (words->size() > config.vocabulary)
    throw load_error(fmt::format("{}: the tokenizer has {} pieces, the model a vocabulary of {}", folder.string(),
                                 words->size(), config.vocabulary));
  auto chat = chat_template::open(folder, words);
  if (!config.is_end_of_answer(chat.answer_end())) config.end_of_answer.push_back(chat.answer_end());
  auto tensors = weights::open(folder, config);
  auto text = read_file(folder / "config.json");
  auto fingerprint = kv::hash(std::as_bytes(std::span{text}), words->hash());
  auto content = tensors.hash();
  fingerprint = kv::hash(std::as_bytes(std::span{&content, 1}), fingerprint);
  if (auto choice = rope_choice(config)) fingerprint = kv::hash(std::as_bytes(std::span{&choice, 1}), fingerprint);
  auto name = std::filesystem::absolute(folder).lexically_normal();
  auto last = name.has_filename() ? name.filename() : name.parent_path().filename();
  return std::make_shared<const checkpoint>(
      checkpoint{last.string(), std::move(config), std::move(words), std::move(chat), std::move(tensors), fingerprint});
}

kv::fingerprint checkpoint::cache_fingerprint(kv::dtype type, bool int8_weights) const {
  std::array<std::uint32_t, 3> layout{static_cast<std::uint32_t>(type), kv::tokens_per_chunk, int8_weights ? 1u : 0u};
  return kv::hash(std::as_bytes(std::span{layout}), fingerprint);
}

}  // namespace chromatin::model

#include "model/make_tokenizer.hpp"

#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model/byte_alphabet.hpp"
#include "model/known_patterns.hpp"
#include "model/load_error.hpp"
#include "model/tokenizer.hpp"

namespace chromatin::model {
namespace {

using nlohmann::ordered_json;

constexpr auto common_merges = {"Ġ t", "h e", "i n",  "Ġ a", "r e",   "o n", "Ġt he", "e r", "a t", "o u", "Ġ s",
                                "Ġ w", "e n", "i s",  "o r", "Ġ h",   "i t", "in g",  "a n", "Ġ o", "e s", "an d",
                                "Ġ i", "l l", "Ġt o", "Ġ y", "Ġy ou", "Ġ m", "v e",   "a r", "Ġ b"};

constexpr const char* llama3_template =
    "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + "
    "message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}"
    "{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}";
constexpr const char* qwen2_template =
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
constexpr const char* mistral_template =
    "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}";

std::vector<std::string> control_tokens(model_family family) {
  if (family == model_family::qwen2) return {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
  return {"<|begin_of_text|>",
          "<|end_of_text|>",
          "<|reserved_special_token_0|>",
          "<|reserved_special_token_1|>",
          "<|reserved_special_token_2|>",
          "<|reserved_special_token_3|>",
          "<|start_header_id|>",
          "<|end_header_id|>",
          "<|reserved_special_token_4|>",
          "<|eot_id|>"};
}

ordered_json byte_level(bool add_prefix_space) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", add_prefix_space}, {"trim_offsets", true}, {"use_regex", false}};
}

/// Bytes, what the merges make, unused tokens up to the control tokens.
ordered_json byte_pair_model(const checkpoint_shape& shape) {
  ordered_json vocabulary;
  for (int byte = 0; byte < 256; ++byte) vocabulary[to_byte_alphabet(std::string(1, static_cast<char>(byte)))] = byte;
  for (std::string merge : common_merges) {
    merge.erase(merge.find(' '), 1);
    vocabulary[merge] = vocabulary.size();
  }
  for (auto id = vocabulary.size(); id < shape.first_control; ++id) vocabulary[fmt::format("<unused_{}>", id)] = id;
  return {{"type", "BPE"}, {"ignore_merges", false}, {"vocab", vocabulary}, {"merges", common_merges}};
}

std::string byte_level_json(const checkpoint_shape& shape) {
  bool qwen2 = shape.family == model_family::qwen2;
  auto added = ordered_json::array();
  for (const auto& content : control_tokens(shape.family))
    added.push_back({{"id", shape.first_control + added.size()},
                     {"content", content},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  ordered_json split{{"type", "Split"},
                     {"pattern", {{"Regex", qwen2 ? known_patterns::qwen2 : known_patterns::llama3}}},
                     {"behavior", "Isolated"},
                     {"invert", false}};
  ordered_json cuts{{"type", "Sequence"}, {"pretokenizers", ordered_json::array({split, byte_level(false)})}};
  ordered_json file{{"version", "1.0"},
                    {"added_tokens", added},
                    {"normalizer", nullptr},
                    {"pre_tokenizer", cuts},
                    {"post_processor", nullptr},
                    {"decoder", byte_level(true)},
                    {"model", byte_pair_model(shape)}};
  if (qwen2) file["normalizer"] = {{"type", "NFC"}};
  return file.dump() + "\n";
}

/// A SentencePiece model is a protobuf message whose field 1 repeats, so more pieces can simply be appended.
std::string padded_sentencepiece(const std::filesystem::path& embedded, std::uint32_t vocabulary) {
  auto content = read_file(embedded / "tokenizer.model");
  for (auto i = tokenizer::open(embedded)->size(); i < vocabulary; ++i) {
    auto name = fmt::format("<unused_{}>", i);
    std::string piece{"\x0a"};  // field 1, bytes: the text
    piece += static_cast<char>(name.size()) + name;
    piece += std::string("\x15\0\0\0\0", 5);  // field 2, float: the score 0
    piece += "\x18\x05";                      // field 3, enum: UNUSED
    content += std::string{"\x0a"} + static_cast<char>(piece.size()) + piece;
  }
  return content;
}

}  // namespace

void write_text(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out{file, std::ios::binary};
  if (!(out << text) || !out.flush()) throw load_error(fmt::format("{}: cannot be written", file.string()));
}

void make_tokenizer(const checkpoint_shape& shape, const std::filesystem::path& folder,
                    const std::filesystem::path& embedded) {
  auto write_config = [&](const char* chat, const char* bos, const char* eos) {
    ordered_json config{{"bos_token", bos}, {"eos_token", eos}, {"chat_template", chat}};
    write_text(folder / "tokenizer_config.json", config.dump(2) + "\n");
  };
  switch (shape.family) {
    case model_family::llama3:
      write_text(folder / "tokenizer.json", byte_level_json(shape));
      return write_config(llama3_template, "<|begin_of_text|>", "<|eot_id|>");
    case model_family::qwen2:
      write_text(folder / "tokenizer.json", byte_level_json(shape));
      return write_config(qwen2_template, "<|endoftext|>", "<|im_end|>");
    case model_family::mistral:
      write_text(folder / "tokenizer.model", padded_sentencepiece(embedded, shape.config.vocabulary));
      return write_config(mistral_template, "<s>", "</s>");
    case model_family::llama:
      write_text(folder / "tokenizer.model", padded_sentencepiece(embedded, shape.config.vocabulary));
      return write_text(folder / "tokenizer_config.json", read_file(embedded / "tokenizer_config.json"));
  }
}

}  // namespace chromatin::model

#pragma once

/// A tokenizer.json small enough to follow by hand: the bytes are tokens 0 to 255, what merges make comes after them.

#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "model/byte_alphabet.hpp"
#include "model/known_patterns.hpp"
#include "model/tokenizer.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::model {

inline const std::string llama3_pattern = known_patterns::llama3, qwen2_pattern = known_patterns::qwen2;

inline nlohmann::json byte_level(bool add_prefix_space, bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", add_prefix_space}, {"use_regex", use_regex}};
}

inline nlohmann::json split_on(const std::string& pattern) {
  nlohmann::json split{
      {"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
  return {{"type", "Sequence"}, {"pretokenizers", {split, byte_level(false, false)}}};
}

/// The file with these merges, `"left right"` in the byte alphabet, and Llama 3's way of cutting.
inline nlohmann::json tiny_tokenizer(const std::vector<std::string>& merges = {}) {
  nlohmann::json vocabulary;
  for (int byte = 0; byte < 256; ++byte) vocabulary[to_byte_alphabet(std::string(1, static_cast<char>(byte)))] = byte;
  for (auto merge : merges) {
    merge.erase(merge.find(' '), 1);
    vocabulary[merge] = vocabulary.size();
  }
  return {{"version", "1.0"},
          {"added_tokens", nlohmann::json::array()},
          {"normalizer", nullptr},
          {"pre_tokenizer", split_on(llama3_pattern)},
          {"post_processor", nullptr},
          {"decoder", byte_level(true, true)},
          {"model", {{"type", "BPE"}, {"ignore_merges", false}, {"vocab", vocabulary}, {"merges", merges}}}};
}

/// Adds a token with the next free id; returns the id.
inline kv::token_id add_token(nlohmann::json& file, const std::string& content, bool special) {
  auto id = file["model"]["vocab"].size() + file["added_tokens"].size();
  file["added_tokens"].push_back({{"id", id},
                                  {"content", content},
                                  {"single_word", false},
                                  {"lstrip", false},
                                  {"rstrip", false},
                                  {"normalized", false},
                                  {"special", special}});
  return static_cast<kv::token_id>(id);
}

inline std::shared_ptr<const tokenizer> open_tokenizer(const nlohmann::json& file) {
  test::temporary_folder folder;
  std::ofstream{folder / "tokenizer.json"} << file;
  return tokenizer::open(folder.path());
}

/// The text cut where its tokens meet.
inline std::vector<std::string> pieces(const tokenizer& words, std::string_view text) {
  std::vector<std::string> all;
  for (auto id : words.encode(text)) all.push_back(words.bytes(id));
  return all;
}

}  // namespace chromatin::model

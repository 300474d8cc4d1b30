// How GGUF's names of pre-tokenizers cut.

#include <algorithm>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "model/known_patterns.hpp"
#include "model/load_error.hpp"
#include "model/tokenizer_parts.hpp"

namespace chromatin::model {
namespace {

namespace patterns = known_patterns;

struct named_cuts {
  std::vector<std::string_view> names;
  std::vector<std::string_view> sought;  ///< one cut after the other
  bool ignore_merges = false;
  bool composes = false;  ///< texts are normalised to NFC
};

constexpr std::string_view line_ends = R"([\r\n])", chinese = "[一-龥ࠀ-一가-퟿]+", many_numerals = R"(\p{N}+)",
                           one_numeral = R"(\p{N})", three_digits = "[0-9][0-9][0-9]";

const std::vector<named_cuts>& all_cuts() {
  static const std::vector<named_cuts> all{
      {{"llama3", "llama-v3", "llama-bpe", "lfm2"}, {patterns::llama3}, true},
      {{"dbrx", "smaug-bpe", "glm4", "chatglm-bpe"}, {patterns::llama3}},
      {{"qwen2"}, {patterns::qwen2}, false, true},
      {{"deepseek-r1-qwen", "stablelm2", "hunyuan", "megrez", "kormo", "grok-2"}, {patterns::qwen2}},
      {{"qwen35"}, {patterns::qwen35}, false, true},
      {{"seed-coder"}, {patterns::seed_coder}},
      {{"bailingmoe", "bailingmoe2", "llada-moe"}, {patterns::bailing}},
      {{"gpt-4o", "llama4", "kanana2"}, {patterns::gpt4o}},
      {{"tekken"}, {patterns::tekken}, true},
      {{"gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling", "exaone4", "gigachat", "mellum"},
       {patterns::gpt2}},
      {{"starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b"},
       {one_numeral, patterns::gpt2}},
      {{"falcon"}, {R"([\p{P}\$\+<=>\^~\|`]+)", patterns::gpt2, three_digits}},
      {{"deepseek-llm"},
       {line_ends, patterns::deepseek_letters, R"(\s?[!-\/:-~！-／：-～‘-‟　-。]+)", R"(\s+$)", chinese,
        many_numerals}},
      {{"deepseek-coder"}, {line_ends, R"(\s?\p{L}+)", R"(\s?\p{P}+)", chinese, one_numeral}},
      {{"deepseek-v3", "hunyuan-dense", "joyai-llm"},
       {R"(\p{N}{1,3})", "[一-龥぀-ゟ゠-ヿ]+", patterns::deepseek3}},
      {{"default", ""}, {R"([\p{P}\$\+<=>\^~\|]+)", patterns::gpt2, many_numerals, three_digits}}};
  return all;
}

}  // namespace

void cut_like(std::string_view pre, tokenizer_parts& parts) {
  for (const auto& one : all_cuts()) {
    if (std::find(one.names.begin(), one.names.end(), pre) == one.names.end()) continue;
    parts.spelled = tokenizer_parts::spelling::byte_alphabet;
    parts.ignore_merges = one.ignore_merges;
    parts.normalizers.clear();
    if (one.composes) parts.normalizers.push_back({.what = normalizer_step::kind::nfc});
    parts.cuts.clear();
    for (auto sought : one.sought)
      parts.cuts.push_back(
          {.sought = std::string{sought}, .where = fmt::format("{}: tokenizer.ggml.pre {}", parts.where, pre)});
    return;
  }
  throw load_error(fmt::format("{}: tokenizer.ggml.pre: \"{}\" is not supported", parts.where, pre));
}

void cut_like_sentencepiece(bool prefix, tokenizer_parts& parts) {
  using kind = normalizer_step::kind;
  parts.spelled = tokenizer_parts::spelling::space_mark;
  parts.merges_by_score = true;
  parts.fuse_unknown = true;
  parts.normalizers.clear();
  if (prefix) parts.normalizers.push_back({.what = kind::prepend, .to = "▁"});
  parts.normalizers.push_back({.what = kind::replace, .from = " ", .to = "▁"});
  parts.cuts.clear();
}

}  // namespace chromatin::model

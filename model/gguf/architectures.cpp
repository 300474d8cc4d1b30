#include "model/gguf/architectures.hpp"

#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace chromatin::model::gguf {
namespace {

constexpr architecture known_architectures[]{
    {.name = "gemma", .hugging_face = "GemmaForCausalLM", .type = "gemma", .norm_has_one_added = true},
    {.name = "gemma2",
     .hugging_face = "Gemma2ForCausalLM",
     .type = "gemma2",
     .norms_around_blocks = true,
     .norm_has_one_added = true},
    {.name = "gemma3",
     .hugging_face = "Gemma3ForCausalLM",
     .type = "gemma3_text",
     .norms_around_blocks = true,
     .norm_has_one_added = true},
    {.name = "granite", .hugging_face = "GraniteForCausalLM", .type = "granite", .pairs_side_by_side = true},
    {.name = "llama", .hugging_face = "LlamaForCausalLM", .type = "llama", .pairs_side_by_side = true},
    {.name = "phi3", .hugging_face = "Phi3ForCausalLM", .type = "phi3", .fused_gate = true},
    {.name = "qwen2", .hugging_face = "Qwen2ForCausalLM", .type = "qwen2"},
    {.name = "qwen3", .hugging_face = "Qwen3ForCausalLM", .type = "qwen3"},
    {.name = "qwen3moe", .hugging_face = "Qwen3MoeForCausalLM", .type = "qwen3_moe"},
    {.name = "smollm3", .hugging_face = "SmolLM3ForCausalLM", .type = "smollm3", .pairs_side_by_side = true},
};

}  // namespace

const architecture& find_architecture(const metadata& values) {
  constexpr auto key = "general.architecture";
  auto name = values.text(key);
  std::vector<std::string_view> names;
  for (const auto& a : known_architectures) {
    if (a.name == name) return a;
    names.push_back(a.name);
  }
  values.refuse(key, fmt::format("is {}, which is not served; served: {}", values.shown(key), fmt::join(names, ", ")));
}

}  // namespace chromatin::model::gguf

#include "model/checkpoint_shapes.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/load_error.hpp"

namespace chromatin::model {
namespace {

const rope_scaling llama32_scaling{.type = rope_scaling::kind::llama3,
                                   .factor = 32,
                                   .low_frequency_factor = 1,
                                   .high_frequency_factor = 4,
                                   .original_context = 8192};

const rope_scaling llama31_scaling{.type = rope_scaling::kind::llama3,
                                   .factor = 8,
                                   .low_frequency_factor = 1,
                                   .high_frequency_factor = 4,
                                   .original_context = 8192};

/// Some pairs of a head of 32 turn fast enough to stay, some are slowed down, some are in between.
const rope_scaling tiny_scaling{.type = rope_scaling::kind::llama3,
                                .factor = 8,
                                .low_frequency_factor = 1,
                                .high_frequency_factor = 4,
                                .original_context = 64};

std::vector<checkpoint_shape> llama_shapes() {
  using enum model_family;
  return {{"134m",
           llama,
           {.layers = 30,
            .hidden = 576,
            .heads = 9,
            .kv_heads = 3,
            .head_dim = 64,
            .ffn = 1536,
            .vocabulary = 49152,
            .context = 8192,
            .tied_embeddings = true}},
          {"concierge",
           llama,
           {.layers = 6,
            .hidden = 256,
            .heads = 4,
            .kv_heads = 2,
            .head_dim = 64,
            .ffn = 688,
            .vocabulary = 4096,
            .context = 1024,
            .tied_embeddings = true}},
          {"llama-7b",
           llama,
           {.layers = 32,
            .hidden = 4096,
            .heads = 32,
            .kv_heads = 32,
            .head_dim = 128,
            .ffn = 11008,
            .vocabulary = 32000,
            .context = 4096}},
          {"llama3-1b",
           llama3,
           {.layers = 16,
            .hidden = 2048,
            .heads = 32,
            .kv_heads = 8,
            .head_dim = 64,
            .ffn = 8192,
            .vocabulary = 128256,
            .context = 131072,
            .rope_theta = 500000,
            .scaling = llama32_scaling,
            .tied_embeddings = true},
           0.02f,
           128000},
          {"llama3-8b",
           llama3,
           {.layers = 32,
            .hidden = 4096,
            .heads = 32,
            .kv_heads = 8,
            .head_dim = 128,
            .ffn = 14336,
            .vocabulary = 128256,
            .context = 131072,
            .rope_theta = 500000,
            .scaling = llama31_scaling},
           0.02f,
           128000},
          {"llama3-tiny",
           llama3,
           {.layers = 3,
            .hidden = 64,
            .heads = 4,
            .kv_heads = 2,
            .head_dim = 32,
            .ffn = 96,
            .vocabulary = 512,
            .context = 512,
            .rope_theta = 10000,
            .scaling = tiny_scaling},
           tiny_deviation,
           500},
          {"mistral-tiny",
           mistral,
           {.layers = 2,
            .hidden = 96,
            .heads = 6,
            .kv_heads = 2,
            .head_dim = 48,
            .ffn = 160,
            .vocabulary = 4096,
            .context = 512},
           tiny_deviation},
          {"qwen2-0.5b",
           qwen2,
           {.layers = 24,
            .hidden = 896,
            .heads = 14,
            .kv_heads = 2,
            .head_dim = 64,
            .ffn = 4864,
            .vocabulary = 151936,
            .context = 32768,
            .rms_norm_eps = 1e-6f,
            .rope_theta = 1e6f,
            .tied_embeddings = true,
            .attention_bias = true},
           0.02f,
           151643},
          {"qwen2-tiny",
           qwen2,
           {.layers = 3,
            .hidden = 64,
            .heads = 4,
            .kv_heads = 1,
            .head_dim = 16,
            .ffn = 96,
            .vocabulary = 512,
            .context = 512,
            .rms_norm_eps = 1e-6f,
            .rope_theta = 1e6f,
            .tied_embeddings = true,
            .attention_bias = true},
           tiny_deviation,
           500},
          {"tinyllama-1.1b",
           llama,
           {.layers = 22,
            .hidden = 2048,
            .heads = 32,
            .kv_heads = 4,
            .head_dim = 64,
            .ffn = 5632,
            .vocabulary = 32000,
            .context = 8192}}};
}

}  // namespace

const std::vector<checkpoint_shape>& checkpoint_shapes() {
  static const auto all = [] {
    auto shapes = llama_shapes();
    for (auto& shape : trait_shapes()) shapes.push_back(std::move(shape));
    return shapes;
  }();
  return all;
}

const checkpoint_shape& find_checkpoint_shape(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& shape : checkpoint_shapes()) {
    if (shape.name == name) return shape;
    names.push_back(shape.name);
  }
  throw load_error(fmt::format("shape {} is not known; known: {}", name, fmt::join(names, ", ")));
}

}  // namespace chromatin::model

#pragma once

/// What a model computes, written out in double precision from config.json and the tensors, as the papers and
/// transformers define it: one loop after the other, no batch, nothing shared with the backend.

#include <filesystem>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "model/checkpoint.hpp"

namespace chromatin::gpu {

class reference_model {
 public:
  using vector = std::vector<double>;

  explicit reference_model(const std::filesystem::path& folder);

  /// A conversation: of each layer and token the key, before positions, and the value.
  struct layer_cache {
    std::vector<vector> keys, values;
  };
  using conversation = std::vector<layer_cache>;
  conversation begin() const { return conversation(config["num_hidden_layers"].get<std::size_t>()); }

  /// Logits after every token. Without a conversation: of the first.
  std::vector<vector> run(std::span<const kv::token_id> input, conversation& of) const;
  std::vector<vector> run(std::span<const kv::token_id> input) const;

  nlohmann::json config;           ///< tests may change what is computed
  bool int8 = false;               ///< matrices are rounded to 8 bits for each output
  std::size_t served_context = 0;  ///< 0: what the file says

 private:
  struct rotation {
    std::vector<double> frequencies;
    double amplitude = 1;
  };
  /// Of each position and pair: amplitude times cosine and sine.
  using turns = std::vector<std::vector<std::pair<double, double>>>;
  bool is(const char* architecture) const { return config["architectures"][0] == architecture; }
  bool is_gemma() const { return is("GemmaForCausalLM") || is("Gemma2ForCausalLM") || is("Gemma3ForCausalLM"); }
  double number(const char* key, double fallback) const;
  const vector& matrix(const std::string& name, bool rounded = false) const;
  vector rows(const std::string& name, std::size_t first, std::size_t count, const vector& x) const;
  vector project(const std::string& name, const vector& x) const;
  vector normalize(const std::string& name, const vector& x) const;
  void normalize_heads(const std::string& name, vector& heads) const;
  void rotate(vector& heads, std::size_t position, std::size_t layer) const;
  rotation rotation_of(std::size_t layer) const;
  turns turns_of(std::size_t layer, std::size_t positions) const;
  vector plain_frequencies(double theta) const;
  rotation stretched(double theta, const nlohmann::json& scaling) const;
  bool slides(std::size_t layer) const;
  bool rotates(std::size_t layer) const;
  std::size_t window_of(std::size_t layer) const;
  vector attend(vector queries, const layer_cache& cache, std::size_t layer) const;
  vector attention_block(const std::string& name, const vector& x, std::size_t layer, layer_cache& cache) const;
  vector feed_forward(const std::string& name, const vector& x) const;
  bool has_experts(std::size_t layer) const;
  vector experts(const std::string& name, const vector& x) const;
  void run_layer(std::size_t layer, vector& x, layer_cache& cache) const;
  std::size_t head_dim() const;
  std::size_t rotary_dim() const;

  std::shared_ptr<const model::checkpoint> checkpoint_;
  mutable std::map<std::string, vector> matrices_;
  mutable std::vector<turns> turns_;  ///< of each layer of the run
};

}  // namespace chromatin::gpu

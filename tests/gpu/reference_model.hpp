#pragma once

/// What a LLaMA-family model computes, written out in double precision from config.json and the tensors: one loop after
/// the other, no cache, no batch, nothing shared with the backend.

#include <filesystem>
#include <span>
#include <vector>

#include <nlohmann/json.hpp>

#include "model/checkpoint.hpp"

namespace chromatin::gpu {

class reference_model {
 public:
  using vector = std::vector<double>;

  explicit reference_model(const std::filesystem::path& folder);

  /// Logits after every token.
  std::vector<vector> run(std::span<const kv::token_id> input) const;

  nlohmann::json config;  ///< tests may change what is computed

 private:
  struct layer_cache {
    std::vector<vector> keys, values;
  };
  vector matrix(const std::string& name) const;
  vector project(const std::string& name, const vector& x) const;
  vector normalize(const std::string& name, const vector& x) const;
  void rotate(vector& heads, std::size_t position) const;
  vector attend(const vector& queries, const layer_cache& cache) const;
  void run_layer(std::size_t layer, vector& x, std::size_t position, layer_cache& cache) const;
  double frequency(std::size_t pair) const;
  std::size_t head_dim() const;

  std::shared_ptr<const model::checkpoint> checkpoint_;
};

}  // namespace chromatin::gpu

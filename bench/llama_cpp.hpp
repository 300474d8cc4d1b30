#pragma once

/// llama.cpp beside us: its own benchmark program, in a root folder that bench/peers/llama-cpp.sh made.

#include <filesystem>
#include <string>
#include <vector>

namespace chromatin::bench {

class llama_cpp {
 public:
  /// Throws when there is no llama.cpp in `root`.
  explicit llama_cpp(std::filesystem::path root);

  /// Converts a checkpoint folder, unless that was done before; the model's name in it. With `quantized` as Q8_0.
  std::string convert(const std::filesystem::path& checkpoint, bool quantized = false);
  /// Tokens a second, by llama-bench: of a prompt after `depth` tokens, or (`prompt` 0) of generated ones.
  double tokens_per_s(const std::string& model, std::uint32_t threads, std::uint32_t prompt, std::uint32_t generate,
                      std::uint32_t depth = 0);
  std::string version() const { return version_; }

 private:
  std::filesystem::path root_;
  std::string version_;
};

}  // namespace chromatin::bench

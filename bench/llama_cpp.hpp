#pragma once

/// llama.cpp beside us: its own benchmark program and its server, in a root folder that bench/peers/llama-cpp.sh made.

#include <filesystem>
#include <string>
#include <vector>

namespace chromatin::bench {

/// How its server serves.
struct llama_serving {
  std::string address;  ///< HOST:PORT
  std::uint32_t threads = 1;
  std::uint32_t slots = 1;        ///< turns at a time
  std::uint32_t slot_tokens = 0;  ///< the window of each
};

class llama_cpp {
 public:
  /// Throws when there is no llama.cpp in `root`.
  explicit llama_cpp(std::filesystem::path root);

  /// Converts a checkpoint folder, unless that was done before; the model's name in it. `kind` is one that
  /// llama-quantize knows (Q8_0, Q4_K_M); without it weights stay as they are.
  std::string convert(const std::filesystem::path& checkpoint, const std::string& kind = "");
  /// Writes a file of random weights in a shape of Qwen3's, of a kind as above; its name, shape-kind. `work` gets the
  /// shape's config and tokenizer.
  std::string make(const std::string& shape, const std::string& kind, const std::filesystem::path& work,
                   const std::filesystem::path& embedded);
  /// The file of a converted model.
  std::filesystem::path file(const std::string& model) const { return root_ / "models" / (model + ".gguf"); }
  /// Tokens a second, by llama-bench: of a prompt after `depth` tokens, or (`prompt` 0) of generated ones.
  double tokens_per_s(const std::string& model, std::uint32_t threads, std::uint32_t prompt, std::uint32_t generate,
                      std::uint32_t depth = 0);
  /// The command line of its server for a converted model; each word by itself.
  std::vector<std::string> serve(const std::string& model, const llama_serving& how) const;
  std::string version() const { return version_; }

 private:
  std::filesystem::path root_;
  std::string version_;
};

}  // namespace chromatin::bench

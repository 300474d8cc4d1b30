#pragma once

/// What `chromatin bench peers` is made of: rows of a figure of llama.cpp's and ours, with what is asked for.

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "bench/llama_cpp.hpp"
#include "gpu/cpu/cpu_backend.hpp"

namespace chromatin::bench {

/// Tokens of a prompt, of what may stand before it, of sequences that are decoded at once.
inline constexpr std::uint32_t peers_prompt = 512, peers_deep = 4096, peers_batch = 8;

struct peers_flags {
  std::string llama_cpp, json;
  std::filesystem::path work, embedded;
  std::uint32_t threads = 0;
  double memory_bytes_per_s = 0;  ///< as measured
  int rounds = 3;
  bool quick = false;
  std::vector<std::string> only, figures;  ///< of the command's parts, of a file's figures; empty: all

  bool wants(const std::string& part) const { return has(only, part); }
  bool wants_figure(const std::string& figure) const { return has(figures, figure); }
  gpu::cpu_options options() const {
    return {.compute = gpu::best_compute_type(), .threads = threads, .step_tokens_max = peers_prompt};
  }

 private:
  static bool has(const std::vector<std::string>& chosen, const std::string& name) {
    return chosen.empty() || std::ranges::find(chosen, name) != chosen.end();
  }
};

/// Prints each row when it is there, and keeps it.
class peers_table {
 public:
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();

  static void head();
  /// Both sides in turns; medians of tokens a second, ours at least `goal` times theirs. Without `rounds` as many as
  /// the flags say.
  void compare(const peers_flags& f, const std::string& name, double goal, const std::function<double()>& theirs,
               const std::function<double()>& ours, int rounds = 0);
  void at_least(const std::string& name, const std::vector<double>& theirs, const std::vector<double>& ours,
                double goal);
  /// What should be small; `format` is that of a figure.
  void at_most(const std::string& name, const char* format, double theirs, double ours, double ratio, double goal);

 private:
  void row(const std::string& name, const std::string& figures, double ratio, double goal, bool met);
};

class engine;

/// Our tokens a second of a prompt. llama-bench warms up before it measures, so this does.
double warm_prefill(engine& e, std::uint32_t depth = 0);

/// Our tokens a second of decoding one sequence, and of decoding peers_batch of them at once.
struct decode_speeds {
  std::vector<double> one, batch;
  /// Measures both once more, and returns that of one.
  double measure(engine& e, std::uint32_t generate);
};

/// The figures that a file of quantised weights has.
inline const std::vector<std::string> gguf_figures{"decode", "prefill", "deep", "divergence", "start", "memory"};

/// A file for both sides.
struct peers_file {
  std::string shape, kind;
  std::string name() const { return shape + ", " + kind + ": "; }
};

/// All of a file's figures that are wanted.
void compare_gguf(peers_table& table, const peers_flags& flags, llama_cpp& peer, const peers_file& file);

/// How far the logits are from those of the dequantised weights: KL divergence, mean over some places.
void compare_divergence(peers_table& table, const peers_flags& flags, const llama_cpp& peer, const std::string& model,
                        const peers_file& file);
/// Both servers: from start to ready and to the first token, and the most memory over the file's size and what is kept
/// for conversations.
void compare_servers(peers_table& table, const peers_flags& flags, const llama_cpp& peer, const std::string& model,
                     const peers_file& file);

}  // namespace chromatin::bench

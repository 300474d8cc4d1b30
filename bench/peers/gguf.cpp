// The same file of quantised weights on both sides.

#include <fmt/core.h>

#include "bench/checkpoints.hpp"
#include "bench/engine.hpp"
#include "bench/measure.hpp"
#include "bench/peers/parts.hpp"

namespace chromatin::bench {
namespace {

constexpr std::uint32_t generate = 32;

/// Shapes of Qwen3's are written as they are quantised: what is left of a float model would be the same random numbers.
std::string model_of(const peers_flags& f, llama_cpp& peer, const peers_file& file) {
  auto made = file.shape + "-" + file.kind;
  if (std::filesystem::exists(peer.file(made))) return made;
  if (file.shape == "tinyllama-1.1b") return peer.convert(checkpoint_of(file.shape, f.work, f.embedded), file.kind);
  return peer.make(file.shape, file.kind, f.work, f.embedded);
}

class file_comparison {
 public:
  file_comparison(peers_table& table, const peers_flags& f, llama_cpp& peer, std::string model, const peers_file& file)
      : table_{table},
        f_{f},
        peer_{peer},
        model_{std::move(model)},
        name_{file.name()},
        has_experts_{file.shape.starts_with("experts")},
        engine_{model::checkpoint::open(peer.file(model_)), f.options(), peers_batch,
                f.wants_figure("deep") ? peers_deep + peers_prompt : 2 * peers_prompt} {}

  void decode() {
    decode_speeds speeds;
    table_.compare(
        f_, name_ + "decode", 1.1, [&] { return peer_.tokens_per_s(model_, f_.threads, 0, generate); },
        [&] { return speeds.measure(engine_, generate); }, 2 * f_.rounds);
    if (!has_experts_) {
      auto read = median(speeds.one) * static_cast<double>(engine_.backend().weight_bytes());
      fmt::print("{:<48} {:>11.1f} GB/s of weights, {:.0f} % of what memory reads (goal: 90)\n", "", read * 1e-9,
                 100 * read / f_.memory_bytes_per_s);
    }
    table_.at_least(name_ + "decode of 8 over our own of 1", speeds.one, speeds.batch, 3.5);
  }
  void prefill(std::uint32_t depth) {
    table_.compare(
        f_, depth > 0 ? name_ + "prefill of 512 after 4,096" : name_ + "prefill of 512", has_experts_ ? 2 : 2.5,
        [&] { return peer_.tokens_per_s(model_, f_.threads, peers_prompt, 0, depth); },
        [&] { return warm_prefill(engine_, depth); }, depth > 0 ? 1 : 0);
  }

 private:
  peers_table& table_;
  const peers_flags& f_;
  llama_cpp& peer_;
  std::string model_, name_;
  bool has_experts_;  ///< of which a token reads some only
  engine engine_;
};

}  // namespace

void compare_gguf(peers_table& table, const peers_flags& f, llama_cpp& peer, const peers_file& file) {
  auto model = model_of(f, peer, file);
  if (f.wants_figure("start") || f.wants_figure("memory")) compare_servers(table, f, peer, model, file);
  if (f.wants_figure("divergence")) compare_divergence(table, f, peer, model, file);
  bool deep = f.wants_figure("deep") && !f.quick;
  if (!f.wants_figure("decode") && !f.wants_figure("prefill") && !deep) return;
  file_comparison both{table, f, peer, model, file};
  if (f.wants_figure("decode")) both.decode();
  if (f.wants_figure("prefill")) both.prefill(0);
  if (deep) both.prefill(peers_deep);
}

}  // namespace chromatin::bench

/// chromatin bench truncation: what a full window costs, and what it does to the text that follows, when the kept
/// tokens are computed again (TT), when their cache is kept and positions are counted anew (ours; CachedAttention
/// §3.4), and when keys are kept as they were rotated (NKVT).

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "bench/commands.hpp"
#include "bench/measure.hpp"
#include "bench/sittings.hpp"
#include "gpu/cpu/cpu_backend.hpp"
#include "gpu/run_step.hpp"
#include "io/progress.hpp"
#include "model/rope.hpp"

namespace chromatin::bench {
namespace {

enum class method : std::uint8_t { recompute, keep, keep_rotated };
constexpr std::array methods{method::recompute, method::keep, method::keep_rotated};
constexpr std::array names{"TT (recompute)", "ours", "NKVT (rotated keys)"};

struct truncation_flags {
  std::filesystem::path model, conversations;
  std::size_t sittings = 8;
  std::uint32_t threads = 0;
  double ratio = 0.5;
  std::string json;
};

/// A window with pages of its own.
struct paged_window {
  paged_window(gpu::backend& b, std::uint32_t context) {
    auto arena = b.make_arena(kv::chunks_for(context));
    std::vector<kv::page_ref> pages;
    while (auto page = arena->try_allocate()) pages.push_back(std::move(page));
    table = std::make_shared<const std::vector<kv::page_ref>>(std::move(pages));
  }

  /// The first `count` tokens go: the block table is edited.
  void drop(std::uint32_t count) {
    auto pages = *table;
    std::rotate(pages.begin(), pages.begin() + count / kv::tokens_per_chunk, pages.end());
    table = std::make_shared<const std::vector<kv::page_ref>>(std::move(pages));
    tokens.erase(tokens.begin(), tokens.begin() + count);
  }

  gpu::sequence_step step(std::vector<kv::token_id> next, bool wants_logits) const {
    return {.tokens = std::move(next),
            .position = static_cast<std::uint32_t>(tokens.size()),
            .pages = table,
            .wants_logits = wants_logits};
  }

  kv::block_table table;
  std::vector<kv::token_id> tokens;  ///< whose keys and values are in the pages
};

std::uint32_t dropped_tokens(std::size_t tokens, double ratio) {
  auto share = static_cast<std::uint32_t>(static_cast<double>(tokens) * ratio);
  return std::max(share / kv::tokens_per_chunk, 1u) * kv::tokens_per_chunk;
}

std::vector<gpu::sequence_result> compute(gpu::backend& b, std::vector<gpu::sequence_step> batch) {
  return gpu::run_step(b, {.sequences = std::move(batch), .ends = {}});
}

/// Computes all of a window's tokens again, in their new places.
void recompute(gpu::backend& b, paged_window& w) {
  auto tokens = std::exchange(w.tokens, {});
  compute(b, {w.step(tokens, false)});
  w.tokens = std::move(tokens);
}

/// Turns the stored keys `positions` further, so that the kernel, which counts from the window's start, sees them as
/// they were rotated before: what a cache of rotated keys would hold.
void leave_rotated(const gpu::backend& b, const model::config& c, paged_window& w, std::uint32_t positions) {
  auto geometry = b.geometry();
  auto frequencies = model::rotary_frequencies(c);
  auto half = c.head_dim / 2;
  for (std::size_t token = 0; token < w.tokens.size(); ++token)
    for (std::uint32_t row = 0; row < geometry.layers * c.kv_heads; ++row) {
      auto at = row / c.kv_heads * geometry.slice_bytes() +
                (row % c.kv_heads * kv::tokens_per_chunk + token % kv::tokens_per_chunk) * c.head_dim * sizeof(float);
      auto page = (*w.table)[token / kv::tokens_per_chunk].writable();
      auto* key = reinterpret_cast<float*>(page.data() + at);
      for (std::uint32_t j = 0; j < half; ++j) {
        auto angle = frequencies[j] * static_cast<float>(positions);
        auto x = key[j], y = key[j + half];
        key[j] = x * std::cos(angle) - y * std::sin(angle);
        key[j + half] = y * std::cos(angle) + x * std::sin(angle);
      }
    }
}

struct quality {
  double log_likelihood = 0;
  std::vector<kv::token_id> guesses;  ///< the likeliest next token, after the first truncation
  double perplexity() const { return std::exp(-log_likelihood / static_cast<double>(guesses.size())); }
};

/// Feeds all sittings side by side, token by token, and judges every prediction from the first truncation on.
quality judge(gpu::backend& b, const model::config& c, const std::vector<sitting>& sittings, method how, double ratio) {
  quality q;
  std::vector<std::vector<kv::token_id>> texts;
  std::size_t length = SIZE_MAX;
  for (const auto& s : sittings) length = std::min(length, texts.emplace_back(tokens_of(s)).size());
  std::vector<paged_window> windows;
  for (std::size_t i = 0; i < texts.size(); ++i) windows.emplace_back(b, c.context);
  for (std::size_t t = 0; t + 1 < length; ++t) {
    std::vector<gpu::sequence_step> batch;
    for (std::size_t i = 0; i < texts.size(); ++i) batch.push_back(windows[i].step({texts[i][t]}, true));
    auto results = compute(b, std::move(batch));
    for (std::size_t i = 0; i < texts.size(); ++i) {
      windows[i].tokens.push_back(texts[i][t]);
      if (t < c.context) continue;
      const auto& own = results[i].logits;
      auto top = std::max_element(own.begin(), own.end());
      auto mass =
          std::accumulate(own.begin(), own.end(), 0.0, [&](double sum, float v) { return sum + std::exp(v - *top); });
      q.log_likelihood += own[texts[i][t + 1]] - *top - std::log(mass);
      q.guesses.push_back(static_cast<kv::token_id>(top - own.begin()));
    }
    if (windows.front().tokens.size() < c.context) continue;
    for (auto& w : windows) {
      auto dropped = dropped_tokens(w.tokens.size(), ratio);
      w.drop(dropped);
      if (how == method::recompute) recompute(b, w);
      if (how == method::keep_rotated) leave_rotated(b, c, w, dropped);
    }
  }
  return q;
}

struct cost {
  std::uint64_t turns = 0, prefill_tokens = 0;  ///< of turns whose message found the window full
  double first_token_s = 0;
};

/// Plays the sittings turn by turn: what the user says is prefill, what the assistant said is fed as if it had been
/// decoded. Only turns that truncate are counted.
cost spend(gpu::backend& b, const model::config& c, const std::vector<sitting>& sittings, method how, double ratio) {
  cost spent;
  for (const auto& s : sittings) {
    paged_window w{b, c.context};
    for (const auto& message : s) {
      bool full = w.tokens.size() + message.tokens.size() >= c.context;
      auto seconds = seconds_of([&] {
        if (full) {
          w.drop(dropped_tokens(w.tokens.size(), ratio));
          if (how == method::recompute) recompute(b, w);
        }
        compute(b, {w.step(message.tokens, true)});
      });
      if (full && message.from_user) {
        ++spent.turns;
        spent.first_token_s += seconds;
        spent.prefill_tokens += message.tokens.size() + (how == method::recompute ? w.tokens.size() : 0);
      }
      w.tokens.insert(w.tokens.end(), message.tokens.begin(), message.tokens.end());
    }
  }
  return spent;
}

void run(const truncation_flags& f) {
  auto checkpoint = model::checkpoint::open(f.model);
  const auto& c = checkpoint->config;
  auto sittings = read_sittings(f.conversations, *checkpoint, f.sittings);
  nlohmann::ordered_json json{{"machine", machine()}};
  fmt::print("{}\n{}: {} sittings from {}, window {}, {:.0f} % dropped when it is full\n\n", machine(),
             checkpoint->name, f.sittings, f.conversations.filename().string(), c.context, 100 * f.ratio);

  // In float32, so that rounding plays no part in what is compared.
  gpu::cpu_options options{.compute = kv::dtype::f32, .threads = f.threads, .step_tokens_max = c.context};
  auto exact = gpu::make_cpu_backend(checkpoint, options);
  fmt::print("{:<22}{:>12}{:>18}\n", "what follows", "perplexity", "same as TT, %");
  quality reference;
  for (auto how : methods) {
    auto q = io::waiting("what follows", [&] { return judge(*exact, c, sittings, how, f.ratio); });
    if (how == method::recompute) reference = q;
    std::size_t same = 0;
    for (std::size_t i = 0; i < q.guesses.size(); ++i) same += q.guesses[i] == reference.guesses[i];
    auto share = static_cast<double>(same) / static_cast<double>(q.guesses.size());
    const auto* name = names[static_cast<std::size_t>(how)];
    fmt::print("{:<22}{:>12.3f}{:>18.1f}\n", name, q.perplexity(), 100 * share);
    json["quality"][name] = {{"perplexity", q.perplexity()}, {"same_as_tt", share}, {"tokens", q.guesses.size()}};
  }

  options.compute = gpu::best_compute_type();
  auto fast = gpu::make_cpu_backend(checkpoint, options);
  fmt::print("\n{:<22}{:>12}{:>18}{:>18}\n", "turns that truncate", "turns", "prefill tokens", "mean TTFT, ms");
  cost recomputed;
  for (auto how : {method::recompute, method::keep}) {
    spend(*fast, c, {sittings.front()}, how, f.ratio);  // warm
    auto spent = io::waiting("turns that truncate", [&] { return spend(*fast, c, sittings, how, f.ratio); });
    if (how == method::recompute) recomputed = spent;
    auto mean_ms = 1e3 * spent.first_token_s / static_cast<double>(std::max<std::uint64_t>(spent.turns, 1));
    const auto* name = names[static_cast<std::size_t>(how)];
    fmt::print("{:<22}{:>12}{:>18}{:>18.2f}\n", name, spent.turns, spent.prefill_tokens, mean_ms);
    json["cost"][name] = {{"turns", spent.turns}, {"prefill_tokens", spent.prefill_tokens}, {"ttft_ms", mean_ms}};
    if (how == method::keep)
      fmt::print("{:<22}{:>12}{:>17.1f}%{:>17.1f}%\n", "change", "",
                 100 * (static_cast<double>(spent.prefill_tokens) / static_cast<double>(recomputed.prefill_tokens) - 1),
                 100 * (spent.first_token_s / recomputed.first_token_s - 1));
  }
  write_json(f.json, json);
}

}  // namespace

void add_truncation(CLI::App& bench, const std::filesystem::path& embedded) {
  auto* command = bench.add_subcommand("truncation", "What a full window costs, and what it does to what follows");
  auto f = std::make_shared<truncation_flags>();
  f->model = embedded;
  f->conversations = embedded.parent_path() / "conversations/sgd-sample.jsonl";
  command->add_option("--model", f->model, "checkpoint folder (default: the embedded model)");
  command->add_option("--conversations", f->conversations, "conversations, one JSON object a line");
  command->add_option("--sittings", f->sittings, "to string them to")->capture_default_str()->check(CLI::Range(1, 64));
  command->add_option("--truncate", f->ratio, "share of a full window that is dropped")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 0.9));
  command->add_option("--threads", f->threads, "of the backend (default: one per core)");
  command->add_option("--json", f->json, "write the figures to this file");
  command->callback([f] { run(*f); });
}

}  // namespace chromatin::bench

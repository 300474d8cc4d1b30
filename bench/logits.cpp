/// chromatin bench logits: what a model says after given tokens, for comparing with other programs.

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "bench/commands.hpp"
#include "gpu/cpu/cpu_backend.hpp"
#include "gpu/run_step.hpp"

namespace chromatin::bench {
namespace {

struct logits_flags {
  std::string model;
  std::vector<kv::token_id> tokens;
  std::uint32_t generate = 16, likeliest = 10, threads = 0;
  bool bf16 = false;
};

/// The likeliest tokens with the logarithms of their probabilities, the best first.
nlohmann::json likeliest_of(std::span<const float> logits, std::uint32_t count) {
  std::vector<kv::token_id> order(logits.size());
  std::iota(order.begin(), order.end(), 0u);
  count = std::min(count, static_cast<std::uint32_t>(order.size()));
  std::partial_sort(order.begin(), order.begin() + count, order.end(),
                    [&](auto a, auto b) { return logits[a] > logits[b]; });
  double sum = 0;
  for (auto l : logits) sum += std::exp(static_cast<double>(l - logits[order[0]]));
  auto all = nlohmann::json::array();
  for (std::uint32_t i = 0; i < count; ++i)
    all.push_back({{"id", order[i]}, {"logprob", logits[order[i]] - logits[order[0]] - std::log(sum)}});
  return all;
}

void run(const logits_flags& f) {
  auto total = static_cast<std::uint32_t>(f.tokens.size()) + f.generate;
  auto checkpoint = model::checkpoint::open(f.model);
  for (auto token : f.tokens)
    if (token >= checkpoint->config.vocabulary) throw std::runtime_error(fmt::format("--tokens: {} is none", token));
  auto backend = gpu::make_cpu_backend(
      checkpoint,
      {.compute = f.bf16 ? kv::dtype::bf16 : kv::dtype::f32, .threads = f.threads, .step_tokens_max = total});
  auto arena = backend->make_arena(kv::chunks_for(total));
  std::vector<kv::page_ref> pages;
  while (auto page = arena->try_allocate()) pages.push_back(std::move(page));
  auto table = std::make_shared<const std::vector<kv::page_ref>>(std::move(pages));
  auto steps = nlohmann::json::array();
  auto next = f.tokens;
  for (std::uint32_t position = 0; steps.size() < f.generate;) {
    gpu::sequence_step step{.tokens = next, .position = position, .pages = table, .wants_logits = true};
    position += static_cast<std::uint32_t>(next.size());
    auto logits = gpu::run_step(*backend, {.sequences = {std::move(step)}, .ends = {}}).at(0).logits;
    steps.push_back(likeliest_of(logits, f.likeliest));
    next = {steps.back()[0]["id"].get<kv::token_id>()};
  }
  fmt::print("{}\n", steps.dump());
}

}  // namespace

void add_logits(CLI::App& bench) {
  auto* command = bench.add_subcommand("logits", "the likeliest tokens after given ones, as JSON, token by token");
  auto f = std::make_shared<logits_flags>();
  command->add_option("--model", f->model, "as for serve")->required();
  command->add_option("--tokens", f->tokens, "numbers of the tokens to begin with")->required()->delimiter(',');
  command->add_option("--generate", f->generate, "further tokens, the likeliest each")->capture_default_str();
  command->add_option("--likeliest", f->likeliest, "how many are told")->capture_default_str();
  command->add_option("--threads", f->threads, "(default: one per core)");
  command->add_flag("--bf16", f->bf16, "compute in bf16, not in float32");
  command->callback([f] { run(*f); });
}

}  // namespace chromatin::bench

// What quantising inputs, rounding to bf16 and the order of sums do to the logits. Both sides read the same prompts;
// the truth are the file's weights, dequantised, times float inputs.

#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "bench/peers/parts.hpp"
#include "bench/served/connection.hpp"
#include "bench/served/llama_server.hpp"
#include "gpu/run_step.hpp"
#include "io/progress.hpp"
#include "io/temporary_folder.hpp"

namespace chromatin::bench {
namespace {

/// Each prompt is read at once, then goes on token by token.
constexpr std::uint32_t prompts = 4, prompt_tokens = 64, further_tokens = 3, window = 512;

using log_probabilities = std::vector<double>;
/// Of each place: the first of a prompt's are after prefill, the others after decode.
using all_places = std::vector<log_probabilities>;

std::vector<kv::token_id> tokens_of(std::uint32_t prompt, std::uint32_t vocabulary) {
  std::vector<kv::token_id> tokens(prompt_tokens + further_tokens);
  for (std::uint32_t i = 0; i < tokens.size(); ++i)
    tokens[i] = 3 + (prompt * 104729 + (i + 1) * 7919) % std::min(vocabulary - 3, 30000u);
  return tokens;
}

log_probabilities normalised(std::span<const float> logits) {
  double largest = *std::ranges::max_element(logits), sum = 0;
  for (auto l : logits) sum += std::exp(static_cast<double>(l) - largest);
  log_probabilities all;
  for (auto l : logits) all.push_back(static_cast<double>(l) - largest - std::log(sum));
  return all;
}

all_places computed(const std::filesystem::path& file, gpu::cpu_options options) {
  auto checkpoint = model::checkpoint::open(file);
  auto backend = gpu::make_cpu_backend(checkpoint, options);
  auto arena = backend->make_arena(kv::chunks_for(prompt_tokens + further_tokens));
  std::vector<kv::page_ref> pages;
  while (auto page = arena->try_allocate()) pages.push_back(std::move(page));
  auto table = std::make_shared<const std::vector<kv::page_ref>>(std::move(pages));
  all_places places;
  for (std::uint32_t p = 0; p < prompts; ++p) {
    auto tokens = tokens_of(p, checkpoint->config.vocabulary);
    for (std::uint32_t done = 0, count = prompt_tokens; done < tokens.size(); done += std::exchange(count, 1)) {
      auto first = tokens.begin() + done;
      gpu::sequence_step step{.tokens = {first, first + count}, .position = done, .pages = table, .wants_logits = true};
      places.push_back(normalised(gpu::run_step(*backend, {.sequences = {std::move(step)}, .ends = {}}).at(0).logits));
    }
  }
  return places;
}

/// llama.cpp's server tells as many of the likeliest tokens as it is asked for: all of them.
log_probabilities asked(const std::string& address, std::span<const kv::token_id> prompt, std::uint32_t vocabulary) {
  auto answer = nlohmann::json::parse(answer_to(address, "/completion",
                                                {{"prompt", std::vector(prompt.begin(), prompt.end())},
                                                 {"n_predict", 1},
                                                 {"n_probs", vocabulary},
                                                 {"temperature", 0},
                                                 {"samplers", {"temperature"}},
                                                 {"cache_prompt", true},
                                                 {"ignore_eos", false}}));
  log_probabilities all(vocabulary, NAN);
  for (const auto& token : answer.at("completion_probabilities").at(0).at("top_logprobs"))
    all.at(token.at("id").get<std::size_t>()) = token.at("logprob").get<double>();
  return all;
}

all_places told(const peers_flags& f, const llama_cpp& peer, const std::string& model, std::uint32_t vocabulary) {
  io::temporary_folder folder{f.work};
  llama_server server{peer,
                      model,
                      {.address = {}, .threads = f.threads, .slots = 1, .slot_tokens = window},
                      folder.path() / "llama-server.log"};
  all_places places;
  for (std::uint32_t p = 0; p < prompts; ++p) {
    auto tokens = tokens_of(p, vocabulary);
    for (auto count = prompt_tokens; count <= tokens.size(); ++count)
      places.push_back(asked(server.http(), std::span{tokens}.first(count), vocabulary));
  }
  return places;
}

struct divergence {
  double prefill = 0, decode = 0;
};

divergence mean_divergence(const all_places& truth, const all_places& from) {
  divergence mean;
  for (std::size_t place = 0; place < truth.size(); ++place) {
    double sum = 0;
    for (std::size_t token = 0; token < truth[place].size(); ++token)
      sum += std::exp(truth[place][token]) * (truth[place][token] - from[place][token]);
    if (!std::isfinite(sum)) throw std::runtime_error("not every token's probability was told");
    bool decoded = place % (1 + further_tokens) > 0;
    (decoded ? mean.decode : mean.prefill) += sum / prompts / (decoded ? further_tokens : 1);
  }
  return mean;
}

}  // namespace

void compare_divergence(peers_table& table, const peers_flags& f, const llama_cpp& peer, const std::string& model,
                        const peers_file& file) {
  auto vocabulary = model::checkpoint::open(peer.file(model))->config.vocabulary;
  auto exact = f.options();
  exact.compute = kv::dtype::f32;
  divergence theirs, ours;
  io::waiting(file.name() + "divergence", [&] {
    auto truth = computed(peer.file(model), exact);
    ours = mean_divergence(truth, computed(peer.file(model), f.options()));
    theirs = mean_divergence(truth, told(f, peer, model, vocabulary));
  });
  auto row = [&](const char* of, double their, double own) {
    table.at_most(file.name() + "KL divergence, " + of, "{:.6f}", their, own, own / their, 1);
  };
  row("prefill", theirs.prefill, ours.prefill);
  row("decode", theirs.decode, ours.decode);
}

}  // namespace chromatin::bench

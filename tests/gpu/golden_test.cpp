// The backends against an independent float32 implementation (tests/data/golden.json; tolerances in
// assets/concierge/README.md).

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "gpu/cuda/cuda_backend.hpp"
#include "tests/gpu/cuda/machines.hpp"
#include "tests/gpu/sequence.hpp"

namespace chromatin::gpu {
namespace {

using nlohmann::json;

const std::string source_dir = CHROMATIN_SOURCE_DIR;

const json& golden() {
  static const json data = json::parse(std::ifstream{source_dir + "/tests/data/golden.json"});
  return data;
}

/// Prefills in pieces of `piece` tokens; the logits after the last.
std::vector<float> prefill(backend& b, sequence& s, const token_list& input, std::size_t piece) {
  std::vector<float> logits;
  for (std::size_t i = 0; i < input.size(); i += piece) {
    token_list part(input.begin() + static_cast<std::ptrdiff_t>(i),
                    input.begin() + static_cast<std::ptrdiff_t>(std::min(i + piece, input.size())));
    logits = run(b, {s.next(part)});
  }
  return logits;
}

void expect_logits(const std::vector<float>& logits, const json& top, double tolerance) {
  for (const auto& entry : top) EXPECT_NEAR(logits.at(entry[0].get<std::size_t>()), entry[1].get<float>(), tolerance);
}

kv::token_id best_of(const std::vector<float>& logits) {
  return static_cast<kv::token_id>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

/// Continues greedily; compares as long as the reference's choice was clear.
void expect_greedy(backend& b, sequence& s, std::vector<float> logits, const json& c, double margin_min,
                   std::size_t tokens_max) {
  const auto& expected = c["greedy"];
  for (std::size_t i = 0; i < std::min(tokens_max, expected.size()); ++i) {
    auto token = best_of(logits);
    if (token != expected[i].get<kv::token_id>()) {
      EXPECT_LT(c["margin"][i].get<double>(), margin_min) << "token " << i;
      return;
    }
    if (i + 1 < std::min(tokens_max, expected.size())) logits = run(b, {s.next({token})});
  }
}

struct mode {
  const char* name;
  cpu_options options;
  double tolerance, margin;
  std::optional<cuda::machine> cuda = {};  ///< that computes instead of the CPU backend
};

void PrintTo(const mode& m, std::ostream* out) { *out << m.name; }

class Golden : public testing::TestWithParam<mode> {
 protected:
  void SetUp() override {
    if (GetParam().cuda) return start_cuda();
    if (GetParam().options.compute == kv::dtype::bf16 && best_compute_type() != kv::dtype::bf16)
      GTEST_SKIP() << "this processor does not multiply bf16";
    auto options = GetParam().options;
    options.threads = 2;
    options.step_tokens_max = 1024;
    backend_ = make_cpu_backend(concierge(), options);
  }
  /// Emulated kernels take their time: a few tokens, a prompt in a few pieces.
  bool is_emulated() const { return GetParam().cuda == cuda::machine::emulated; }
  std::size_t greedy_tokens() const { return is_emulated() ? 2 : 1000; }
  void start_cuda() {
    auto on = cuda::open(*GetParam().cuda);
    if (!on) GTEST_SKIP() << cuda::the_device().reason;
    backend_ = make_cuda_backend(concierge(), on,
                                 {.step_tokens_max = 1024, .deterministic = GetParam().options.deterministic});
  }
  std::unique_ptr<backend> backend_;
};

TEST_P(Golden, PromptsGiveTheReferencesLogitsAndGreedyText) {
  for (const auto& c : golden()["prompts"]) {
    SCOPED_TRACE(c["id"].get<std::string>());
    sequence s{*backend_};
    auto logits = prefill(*backend_, s, c["tokens"], 1024);
    expect_logits(logits, c["last_logits_top20"], GetParam().tolerance);
    expect_greedy(*backend_, s, logits, c, GetParam().margin, greedy_tokens());
  }
}

TEST_P(Golden, PrefillMayBeCutAnywhere) {
  const auto& c = golden()["prompts"][0];
  for (std::size_t piece : {1, 7, 64, 100}) {
    if (is_emulated() && piece < 64) continue;
    SCOPED_TRACE(piece);
    sequence s{*backend_};
    expect_logits(prefill(*backend_, s, c["tokens"], piece), c["last_logits_top20"], GetParam().tolerance);
  }
}

TEST_P(Golden, SequencesOfOneBatchDoNotMix) {
  const auto& prompts = golden()["prompts"];
  std::vector<token_list> inputs{prompts[0]["tokens"], prompts[1]["tokens"], prompts[2]["tokens"]};
  std::vector<sequence> sequences;
  std::vector<sequence_step> batch;
  for (std::size_t i = 0; i < 3; ++i) sequences.emplace_back(*backend_);
  for (std::size_t i = 0; i < 3; ++i) batch.push_back(sequences[i].next(inputs[i], i != 1));
  auto logits = run(*backend_, batch);
  auto vocabulary = static_cast<std::ptrdiff_t>(concierge()->config.vocabulary);
  ASSERT_EQ(logits.size(), 2u * concierge()->config.vocabulary);
  expect_logits({logits.begin(), logits.begin() + vocabulary}, prompts[0]["last_logits_top20"], GetParam().tolerance);
  expect_logits({logits.begin() + vocabulary, logits.end()}, prompts[2]["last_logits_top20"], GetParam().tolerance);
}

TEST_P(Golden, LogProbabilityOfThePromptIsTheReferences) {
  const auto& c = golden()["prompts"][1];
  token_list input = c["tokens"];
  sequence s{*backend_};
  double sum = 0;
  for (std::size_t i = 0; i + 1 < input.size(); ++i) {
    auto logits = run(*backend_, {s.next({input[i]})});
    double top = *std::max_element(logits.begin(), logits.end()), mass = 0;
    for (auto v : logits) mass += std::exp(v - top);
    sum += logits[input[i + 1]] - top - std::log(mass);
  }
  // Rounding adds up over the prompt's tokens, much of it with either sign.
  EXPECT_NEAR(sum, c["sum_logprob"].get<double>(),
              GetParam().tolerance * std::sqrt(static_cast<double>(input.size())) * 2);
}

TEST_P(Golden, TruncationKeepsTheCache) {
  for (const auto& c : golden()["truncation"]) {
    sequence s{*backend_};
    prefill(*backend_, s, c["tokens"], 1024);
    auto from = c["dropped"][0].get<std::uint32_t>(), to = c["dropped"][1].get<std::uint32_t>();
    ASSERT_EQ((from | to) % kv::tokens_per_chunk, 0u);
    auto pages = *s.table;
    pages.erase(pages.begin() + from / kv::tokens_per_chunk, pages.begin() + to / kv::tokens_per_chunk);
    s.set_table(std::move(pages));
    s.position -= to - from;
    auto logits = run(*backend_, {s.next(c["then"].get<token_list>())});
    expect_logits(logits, c["last_logits_top20"], GetParam().tolerance);
    expect_greedy(*backend_, s, logits, c, GetParam().margin, greedy_tokens());
  }
}

constexpr auto in_f32 = kv::dtype::f32, in_bf16 = kv::dtype::bf16;

INSTANTIATE_TEST_SUITE_P(
    Types, Golden,
    testing::Values(mode{"f32", {.compute = in_f32}, 1e-3, 0.01}, mode{"bf16", {.compute = in_bf16}, 0.12, 0.25},
                    mode{"f32_deterministic", {.compute = in_f32, .deterministic = true}, 1e-3, 0.01},
                    mode{"bf16_deterministic", {.compute = in_bf16, .deterministic = true}, 0.12, 0.25},
                    mode{"f32_int8", {.compute = in_f32, .weights = model::weight_kind::int8}, 0.4, 0.8},
                    mode{"bf16_int8", {.compute = in_bf16, .weights = model::weight_kind::int8}, 0.4, 0.8},
                    mode{"f32_q4", {.compute = in_f32, .weights = model::weight_kind::q4}, 3, 6},
                    mode{"bf16_q4", {.compute = in_bf16, .weights = model::weight_kind::q4}, 3, 6},
                    mode{"cuda_emulated", {}, 0.12, 0.25, cuda::machine::emulated},
                    mode{"cuda", {}, 0.12, 0.25, cuda::machine::real},
                    mode{"cuda_deterministic", {.deterministic = true}, 0.12, 0.25, cuda::machine::real}),
    [](const auto& type) { return type.param.name; });

}  // namespace
}  // namespace chromatin::gpu

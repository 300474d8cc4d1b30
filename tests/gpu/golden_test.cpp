// The CPU backend against an independent float32 implementation (tests/data/golden.json; tolerances in
// assets/concierge/README.md).

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "gpu/cpu/cpu_backend.hpp"
#include "kv/page.hpp"

namespace chromatin::gpu {
namespace {

using nlohmann::json;
using tokens = std::vector<kv::token_id>;

const std::string source_dir = CHROMATIN_SOURCE_DIR;

const json& golden() {
  static const json data = json::parse(std::ifstream{source_dir + "/tests/data/golden.json"});
  return data;
}

std::shared_ptr<const model::checkpoint> concierge() {
  static const auto checkpoint = model::checkpoint::open(source_dir + "/assets/concierge");
  return checkpoint;
}

/// A sequence with pages of its own.
struct sequence {
  explicit sequence(const backend& b)
      : arena{kv::page_arena::make(kv::plain_memory(17 * b.geometry().chunk_bytes()), b.geometry().chunk_bytes())} {
    for (int i = 0; i < 17; ++i) {
      pages.push_back(arena->try_allocate());
      table.push_back(pages.back().writable().data());
    }
  }

  sequence_step next(const tokens& input, bool wants_logits = true) {
    sequence_step step{input, position, table, wants_logits};
    position += static_cast<std::uint32_t>(input.size());
    return step;
  }

  std::shared_ptr<kv::page_arena> arena;
  std::vector<kv::page_ref> pages;
  std::vector<std::byte*> table;
  std::uint32_t position = 0;
};

std::vector<float> run(backend& b, std::vector<sequence_step> batch) {
  b.begin(batch);
  for (std::uint32_t l = 0; l < b.geometry().layers; ++l) b.run_layer(l);
  auto logits = b.finish();
  return {logits.begin(), logits.end()};
}

/// Prefills in pieces of `piece` tokens; the logits after the last.
std::vector<float> prefill(backend& b, sequence& s, const tokens& input, std::size_t piece) {
  std::vector<float> logits;
  for (std::size_t i = 0; i < input.size(); i += piece) {
    tokens part(input.begin() + static_cast<std::ptrdiff_t>(i),
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
void expect_greedy(backend& b, sequence& s, std::vector<float> logits, const json& c, double margin_min) {
  const auto& expected = c["greedy"];
  for (std::size_t i = 0; i < expected.size(); ++i) {
    auto token = best_of(logits);
    if (token != expected[i].get<kv::token_id>()) {
      EXPECT_LT(c["margin"][i].get<double>(), margin_min) << "token " << i;
      return;
    }
    if (i + 1 < expected.size()) logits = run(b, {s.next({token})});
  }
}

struct mode {
  const char* name;
  kv::dtype type;
  double tolerance, margin;
};

void PrintTo(const mode& m, std::ostream* out) { *out << m.name; }

class Golden : public testing::TestWithParam<mode> {
 protected:
  void SetUp() override {
    if (GetParam().type == kv::dtype::bf16 && best_compute_type() != kv::dtype::bf16)
      GTEST_SKIP() << "this processor does not multiply bf16";
    backend_ = make_cpu_backend(concierge(), {.compute = GetParam().type, .threads = 2, .step_tokens_max = 1024});
  }
  std::unique_ptr<backend> backend_;
};

TEST_P(Golden, PromptsGiveTheReferencesLogitsAndGreedyText) {
  for (const auto& c : golden()["prompts"]) {
    SCOPED_TRACE(c["id"].get<std::string>());
    sequence s{*backend_};
    auto logits = prefill(*backend_, s, c["tokens"], 1024);
    expect_logits(logits, c["last_logits_top20"], GetParam().tolerance);
    expect_greedy(*backend_, s, logits, c, GetParam().margin);
  }
}

TEST_P(Golden, PrefillMayBeCutAnywhere) {
  const auto& c = golden()["prompts"][0];
  for (std::size_t piece : {1, 7, 64, 100}) {
    SCOPED_TRACE(piece);
    sequence s{*backend_};
    expect_logits(prefill(*backend_, s, c["tokens"], piece), c["last_logits_top20"], GetParam().tolerance);
  }
}

TEST_P(Golden, SequencesOfOneBatchDoNotMix) {
  const auto& prompts = golden()["prompts"];
  std::vector<tokens> inputs{prompts[0]["tokens"], prompts[1]["tokens"], prompts[2]["tokens"]};
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
  tokens input = c["tokens"];
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
    s.table.erase(s.table.begin() + from / kv::tokens_per_chunk, s.table.begin() + to / kv::tokens_per_chunk);
    s.position -= to - from;
    auto logits = run(*backend_, {s.next(c["then"].get<tokens>())});
    expect_logits(logits, c["last_logits_top20"], GetParam().tolerance);
    expect_greedy(*backend_, s, logits, c, GetParam().margin);
  }
}

INSTANTIATE_TEST_SUITE_P(Types, Golden,
                         testing::Values(mode{"f32", kv::dtype::f32, 1e-3, 0.01},
                                         mode{"bf16", kv::dtype::bf16, 0.12, 0.25}),
                         [](const auto& type) { return type.param.name; });

}  // namespace
}  // namespace chromatin::gpu

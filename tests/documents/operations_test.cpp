// What docs/operations.md says in numbers and names is so.

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <sstream>

#include <gmock/gmock.h>

#include "model/config.hpp"
#include "rpc/client.hpp"
#include "tests/documents/blocks.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/system/server_process.hpp"

namespace chromatin::test {
namespace {

using names = std::set<std::string>;

std::string operations() { return content_of("docs/operations.md"); }

double number_in(std::string cell) {
  std::erase(cell, ',');
  return std::stod(cell);
}

/// Bytes of a token, by the document's formula.
double token_bytes(double layers, double kv_heads, double head_size, double element_bytes) {
  return layers * kv_heads * head_size * 2 * element_bytes;
}

double conversation_bytes(double tokens, double bytes_per_token) {
  return std::ceil(tokens / kv::tokens_per_chunk) * kv::tokens_per_chunk * bytes_per_token;
}

std::int64_t counter(rpc::client& client, const std::string& part, const std::string& name) {
  for (const auto& one : client.stat())
    for (const auto& [key, value] : one.values)
      if (one.part == part && key == name) return value;
  ADD_FAILURE() << part << " has no " << name;
  return 0;
}

TEST(Sizes, TheTableFollowsFromTheFormulaAndTheFormulaFromTheCachesLayout) {
  std::istringstream lines{section_of(operations(), "How much memory")};
  int rows = 0;
  for (std::string line; std::getline(lines, line);) {
    auto cells = cells_of(line);
    if (cells.size() != 7 || cells[1].empty() || std::isdigit(static_cast<unsigned char>(cells[1][0])) == 0) continue;
    ++rows;
    auto layers = number_in(cells[1]), heads = number_in(cells[2]), size = number_in(cells[3]);
    auto bytes = token_bytes(layers, heads, size, 2);
    kv::geometry g{static_cast<std::uint32_t>(layers), static_cast<std::uint32_t>(heads),
                   static_cast<std::uint32_t>(size), kv::dtype::bf16};
    EXPECT_EQ(bytes * kv::tokens_per_chunk, static_cast<double>(g.chunk_bytes())) << line;
    EXPECT_EQ(number_in(cells[4]), bytes) << line;
    auto conversation = conversation_bytes(4000, bytes);
    EXPECT_EQ(number_in(cells[5]), std::round(conversation / (1 << 20))) << line;
    EXPECT_EQ(number_in(cells[6]), std::round(1000 * conversation / (1 << 30))) << line;
  }
  EXPECT_GE(rows, 8);
}

TEST(Sizes, AConversationTakesWhatTheFormulaSaysInEveryTier) {
  temporary_folder folder;
  server_process server{folder.path()};
  auto config = model::read_config(CHROMATIN_SOURCE_DIR "/assets/concierge");
  rpc::client client{server.address()};
  auto talk = client.open();
  std::string text = "I need a taxi to the airport at six in the morning, for four people with luggage. ";
  for (int i = 0; i < 3; ++i) text += text;
  auto s = talk.say({.text = text}).server;
  auto tokens = s.prompt_tokens + s.answer_tokens - 1;  // nothing was computed from the last one
  ASSERT_GT(tokens, 2 * kv::tokens_per_chunk);
  for (std::string part : {"device-tier", "host-tier", "disk-tier"}) {
    for (int i = 0; i < 1000 && counter(client, part, "chunks") < kv::chunks_for(tokens); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds{10});  // saved behind the answer
    auto used = static_cast<double>(counter(client, part, "used_bytes"));
    auto size_of = [&](double element) {
      return conversation_bytes(tokens, token_bytes(config.layers, config.kv_heads, config.head_dim, element));
    };
    EXPECT_TRUE(used == size_of(2) || used == size_of(4)) << part << ": " << used << ", " << tokens << " tokens";
  }
}

/// What the document has for each part: tables whose head names parts, with names of counters in their rows.
std::map<std::string, names> documented_counters() {
  std::istringstream lines{section_of(operations(), "Metrics")};
  std::map<std::string, names> all;
  std::vector<std::string> parts;
  bool head = true;
  for (std::string line; std::getline(lines, line);) {
    auto cells = cells_of(line);
    if (cells.empty()) {
      head = true;
      continue;
    }
    auto spans = code_spans(cells[0]);
    if (std::exchange(head, false))
      parts = spans;
    else
      for (const auto& part : parts) all[part].insert(spans.begin(), spans.end());
  }
  return all;
}

/// What a server has. The supervisor's are of each part.
std::map<std::string, names> real_counters() {
  temporary_folder folder;
  server_process server{folder.path(), {"--dna", folder / "dna"}};
  std::map<std::string, names> all;
  for (const auto& part : rpc::client{server.address()}.stat())
    for (const auto& [name, value] : part.values) {
      auto own = part.part == "supervisor" ? name.substr(name.rfind('_') + 1) : name;
      all[part.part].insert(own);
    }
  return all;
}

TEST(MetricsOfTheDocument, AreThoseOfAServer) {
  auto documented = documented_counters(), real = real_counters();
  for (const auto& [part, counters] : real)
    for (const auto& name : counters) EXPECT_TRUE(documented[part].contains(name)) << part << ": " << name;
  std::string tier = "-tier";
  names of_tiers;
  for (const auto& [part, counters] : real)
    if (part.ends_with(tier)) of_tiers.insert(counters.begin(), counters.end());
  for (const auto& [part, counters] : documented)
    for (const auto& name : counters)
      EXPECT_TRUE((part.ends_with(tier) ? of_tiers : real[part]).contains(name)) << part << " has no " << name;
}

TEST(MetricsOfTheDocument, NameEachThatPrometheusHasAHelpFor) {
  names documented;
  for (const auto& [part, counters] : documented_counters()) documented.insert(counters.begin(), counters.end());
#define METRIC(name, what, help) EXPECT_TRUE(documented.contains(name)) << name;
#include "http/metrics.inl"
#undef METRIC
}

}  // namespace
}  // namespace chromatin::test

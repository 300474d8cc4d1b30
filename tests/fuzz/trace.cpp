// Conversations for replay.

#include <sstream>

#include "apps/replay/workload.hpp"
#include "tests/fuzz/input.hpp"

using namespace chromatin;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::istringstream in{std::string{fuzz::text_of(data, size)}};
  try {
    std::size_t turns = 0, joined = 0;
    auto all = replay::read_conversations(in, "trace.jsonl", 0);
    for (const auto& s : all) turns += s.user_turns.size();
    for (const auto& s : replay::string_together(std::move(all), 3)) joined += s.user_turns.size();
    fuzz::must(turns == joined);
  } catch (const std::runtime_error& e) {
    fuzz::must(std::string_view{e.what()}.find('\n') == std::string_view::npos);
  }
  return 0;
}

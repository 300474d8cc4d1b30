// Traces of requests for simulate, and a replay of what is taken.

#include "sim/flat.hpp"
#include "tests/fuzz/input.hpp"

using namespace chromatin;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::unique_ptr<sim::trace> trace;
  try {
    trace = sim::parse_trace(fuzz::text_of(data, size), "trace");
  } catch (const std::runtime_error& e) {
    fuzz::must(std::string_view{e.what()}.find('\n') == std::string_view::npos);
    return 0;
  }
  for (const auto* policy : {"lru", "predictive"}) {
    auto run = sim::replay_flat(*trace, policy, 1000);
    fuzz::must(run.hit_tokens <= run.reusable_tokens && run.full_hits <= run.reusable_requests);
  }
  return 0;
}

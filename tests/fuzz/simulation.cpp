// What simulate reads beside traces: a machine's file, a workload's, conversations. The first byte says which.

#include "sim/machine/machine.hpp"
#include "sim/workload.hpp"
#include "tests/fuzz/input.hpp"

using namespace chromatin;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const test::temporary_folder folder;
  if (size == 0) return 0;
  auto text = fuzz::text_of(data + 1, size - 1);
  auto file = folder / (data[0] == 'c' ? "conversations.jsonl" : "file.toml");
  std::ofstream{file, std::ios::binary | std::ios::trunc} << text;
  const sim::changes few{{"conversations.count", "20"}};
  try {
    if (data[0] == 'm') {
      auto m = sim::read_machine(file);
      fuzz::must(m.layers >= 1 && m.kv_bytes_per_token > 0 && m.context_tokens > 0 && m.disk_read_gb_per_s > 0);
    } else {
      auto w = sim::read_workload(file, 1, few);
      fuzz::must(!w.conversations.empty());
      for (const auto& c : w.conversations) {
        fuzz::must(!c.turns.empty());
        for (const auto& t : c.turns) fuzz::must(t.said_tokens > 0 && t.answer_tokens > 0 && t.due_us >= 0);
      }
    }
  } catch (const std::runtime_error& e) {
    fuzz::must(std::string_view{e.what()}.find('\n') == std::string_view::npos);
  }
  return 0;
}

#include "actors/memory_plan.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

namespace chromatin {
namespace {

/// Of all memory, for the system, the process itself and whoever else runs: this share, and at least so much.
constexpr std::uint64_t machine_reserve_part = 16, machine_reserve_min_bytes = std::uint64_t{512} << 20;
/// Full windows that the host tier holds at most: more conversations than are away for minutes on one machine.
constexpr std::uint64_t warm_windows = 64;
/// A turn of a batch finds room for so many.
constexpr std::uint64_t turn_chunks = 2;
/// Where nothing is left: a machine may still swap, or the weights' pages go.
constexpr std::uint64_t least_bytes = std::uint64_t{64} << 20;

/// A number behind a word, or alone in its file; nothing where there is none, or where it says "max".
std::optional<std::uint64_t> number_in(const std::filesystem::path& file, const std::string& word = {}) {
  std::ifstream in{file};
  std::string found;
  std::uint64_t value = 0;
  if (!word.empty())
    while (in >> found && found != word) {
    }
  return in >> value ? std::optional{value} : std::nullopt;
}

/// The process's place in the tree of control groups, and every one above it: each has a limit.
void within_groups(memory_of_machine& memory) {
  const std::filesystem::path root{"/sys/fs/cgroup"};
  std::ifstream in{"/proc/self/cgroup"};
  std::string line;
  while (std::getline(in, line) && !line.starts_with("0::")) {
  }
  if (line.size() < 4) return;
  for (auto group = std::filesystem::path{line.substr(4)};; group = group.parent_path()) {
    const auto limit = number_in(root / group / "memory.max"), used = number_in(root / group / "memory.current");
    if (limit && used) {
      memory.total_bytes = std::min(memory.total_bytes, *limit);
      memory.free_bytes = std::min(memory.free_bytes, *limit - std::min(*limit, *used));
    }
    if (group.empty()) return;
  }
}

std::uint64_t whole_chunks(std::uint64_t bytes, std::uint64_t chunk_bytes) {
  return std::max(bytes / chunk_bytes, std::uint64_t{1}) * chunk_bytes;
}

}  // namespace

std::string size_shown(std::uint64_t bytes) {
  constexpr auto gib = std::uint64_t{1} << 30, mib = std::uint64_t{1} << 20;
  return bytes >= gib ? fmt::format("{:.1f} GiB", static_cast<double>(bytes) / static_cast<double>(gib))
                      : fmt::format("{:.0f} MiB", static_cast<double>(bytes) / static_cast<double>(mib));
}

memory_of_machine machine_memory() {
  constexpr std::uint64_t kib = 1024;
  const std::filesystem::path file{"/proc/meminfo"};
  memory_of_machine memory{number_in(file, "MemTotal:").value_or(0) * kib,
                           number_in(file, "MemAvailable:").value_or(0) * kib};
  within_groups(memory);
  return memory;
}

memory_plan plan_memory(const memory_of_machine& machine, const memory_needs& needs) {
  const bool apart = !needs.device.empty();
  const auto taken = std::max(machine_reserve_min_bytes, machine.total_bytes / machine_reserve_part) +
                     needs.host_bytes.value_or(0) + (apart ? 0 : needs.weight_bytes + needs.device_bytes.value_or(0));
  const auto left = machine.free_bytes - std::min(machine.free_bytes, taken);
  const auto share = [&](std::uint64_t windows, std::uint64_t part) {
    return whole_chunks(
        std::max(std::min(windows * needs.window_bytes, part), std::min(needs.window_bytes, least_bytes)),
        needs.chunk_bytes);
  };
  const auto for_device = needs.device_bytes.value_or(std::max(left / 4, std::min(needs.window_bytes, left / 2)));
  memory_plan plan{needs.device_bytes.value_or(0), needs.host_bytes.value_or(0), 1, {}};
  plan.batch = needs.batch.value_or(static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(for_device / (turn_chunks * needs.chunk_bytes), 1, needs.batch_max)));
  if (!needs.device_bytes) plan.device_bytes = share(plan.batch, for_device);
  if (!needs.host_bytes) plan.host_bytes = share(warm_windows, left / 4);
  plan.notice = fmt::format(
      "memory: {} of weights, --device-mem {}{} --host-mem {} ({} full windows stay warm), of {} that are free; "
      "--batch {}",
      size_shown(needs.weight_bytes), size_shown(plan.device_bytes), apart ? " in " + needs.device + ";" : ",",
      size_shown(plan.host_bytes), plan.host_bytes / std::max<std::uint64_t>(needs.window_bytes, 1),
      size_shown(machine.free_bytes), plan.batch);
  if (left == 0) plan.notice += ": too little; --weights q4 or a smaller --context needs less";
  return plan;
}

}  // namespace chromatin

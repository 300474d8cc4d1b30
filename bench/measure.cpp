#include "bench/measure.hpp"

#include <algorithm>
#include <ctime>
#include <fstream>
#include <stdexcept>
#include <thread>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "kv/page.hpp"

namespace chromatin::bench {

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  auto middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values.at(static_cast<std::size_t>(share * static_cast<double>(values.size() - 1)));
}

std::uint64_t peak_memory_bytes(int process) {
  std::ifstream status{process == 0 ? "/proc/self/status" : fmt::format("/proc/{}/status", process)};
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) * 1024;
  return 0;
}

std::string machine() {
  std::string processor = "unknown processor";
  std::ifstream info{"/proc/cpuinfo"};
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) {
      processor = line.substr(line.find(':') + 2);
      break;
    }
  return fmt::format("{}, {} cores, {:%Y-%m-%d}", processor, std::thread::hardware_concurrency(),
                     fmt::localtime(std::time(nullptr)));
}

double process_cpu_s(int process) {
  ::clockid_t clock{};
  ::timespec used{};
  if (::clock_getcpuclockid(process, &clock) != 0 || ::clock_gettime(clock, &used) != 0) return 0;
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

double machine_cpu_s() {
  std::ifstream stat{"/proc/stat"};
  std::string cpu;
  std::uint64_t user = 0, nice = 0, system = 0;
  stat >> cpu >> user >> nice >> system;
  return static_cast<double>(user + nice + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double memory_bytes_per_s(std::uint32_t threads) {
  constexpr std::size_t bytes = std::size_t{1} << 30;
  auto block = kv::plain_memory(bytes);
  auto* words = reinterpret_cast<std::uint64_t*>(block.data.get());
  std::fill_n(words, bytes / 8, 1);
  std::vector<double> rates;
  std::vector<std::uint64_t> sums(threads * 8);
  for (int again = 0; again < 5; ++again)
    rates.push_back(static_cast<double>(bytes) / seconds_of([&] {
                      std::vector<std::thread> all;
                      auto share = bytes / 8 / threads;
                      for (std::uint32_t t = 0; t < threads; ++t)
                        all.emplace_back([&, t] {
                          std::uint64_t sum = 0;
                          for (auto i = t * share; i < (t + 1) * share; ++i) sum += words[i];
                          sums[t * 8] += sum;
                        });
                      for (auto& thread : all) thread.join();
                    }));
  if (sums[0] == 0) throw std::logic_error("memory was not read");
  return *std::max_element(rates.begin(), rates.end());
}

void write_json(const std::string& file, const nlohmann::ordered_json& content) {
  if (file.empty()) return;
  std::ofstream out{file};
  if (!(out << content.dump(2) << "\n") || !out.flush()) throw std::runtime_error(file + ": cannot be written");
}

}  // namespace chromatin::bench

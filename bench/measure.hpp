#pragma once

/// Clocks, medians and what the operating system knows of this process and machine.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace chromatin::bench {

template <class Work>
double seconds_of(Work work) {
  auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Of the middle; 0 of nothing.
double median(std::vector<double> values);
/// The value that this share of all are not above; there is one at least.
double percentile(std::vector<double> values, double share);

/// Seconds of `work`: the median of so many times, after one that does not count.
template <class Work>
double median_s(int repeats, Work work) {
  work();
  std::vector<double> all;
  for (int i = 0; i < repeats; ++i) all.push_back(seconds_of(work));
  return median(std::move(all));
}

/// The most memory that a process, this one by default, has had at once; 0 if there is none.
std::uint64_t peak_memory_bytes(int process = 0);

/// Processor, cores and date: what a figure is worth nothing without.
std::string machine();

/// CPU seconds that a process, this one by default, and that all processes of the machine have used.
double process_cpu_s(int process = 0);
double machine_cpu_s();

/// What two threads read from memory at best, over more of it than caches hold.
double memory_bytes_per_s(std::uint32_t threads);

/// Throws when `file` cannot be written; does nothing when it is empty.
void write_json(const std::string& file, const nlohmann::ordered_json& content);

}  // namespace chromatin::bench

/// chromatin bench served: what clients of HTTP get, beside RPC and beside llama.cpp's server.

#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <omp.h>

#include "bench/checkpoints.hpp"
#include "bench/commands.hpp"
#include "bench/measure.hpp"
#include "bench/served/parts.hpp"

namespace chromatin::bench {
namespace {

struct part {
  const char* name;
  void (*measure)(served_report&, const served_flags&);
};
constexpr part parts[] = {{"overhead", http_over_rpc},
                          {"streams", many_streams},
                          {"reuse", resent_histories},
                          {"llama-cpp", against_llama_cpp}};

void run(served_flags f) {
  if (f.threads == 0) f.threads = static_cast<std::uint32_t>(omp_get_num_procs());
  f.work = work_folder(f.work);
  served_report report;
  report.json = {{"machine", machine()}, {"threads", f.threads}};
  report.line(fmt::format("{}, {} threads", machine(), f.threads));
  for (const auto& p : parts)
    if (f.only.empty() || std::ranges::find(f.only, p.name) != f.only.end()) {
      report.begin(p.name);
      p.measure(report, f);
    }
  report.end();
  write_json(f.json, report.json);
}

}  // namespace

void served_report::begin(const std::string& part) { waiting_.emplace(part_ = part); }

void served_report::line(const std::string& text) {
  waiting_.reset();
  fmt::print("{}\n", text);
  std::fflush(stdout);
  if (!part_.empty()) waiting_.emplace(part_);
}

void served_report::figure(const std::string& name, double value, const char* unit, const char* how, double asked,
                           bool met) {
  line(fmt::format("{:<58} {:>9.2f} {:<3} ({} {:g}{})", name, value, unit, how, asked, met ? "" : ": not met"));
  json[name] = {{"value", value}, {"unit", unit}, {how, asked}};
}

void served_report::at_most(const std::string& name, double value, const char* unit, double asked) {
  figure(name, value, unit, "at most", asked, value <= asked);
}

void served_report::at_least(const std::string& name, double value, const char* unit, double asked) {
  figure(name, value, unit, "at least", asked, value >= asked);
}

void add_served(CLI::App& bench, const std::filesystem::path& embedded) {
  auto* command = bench.add_subcommand("served", "HTTP beside RPC, and beside llama.cpp's server");
  auto f = std::make_shared<served_flags>();
  f->embedded = embedded;
  std::vector<std::string> names;
  for (const auto& p : parts) names.emplace_back(p.name);
  command->add_option("--llama-cpp", f->llama_cpp,
                      "folder made by `bench/peers/llama-cpp.sh setup FOLDER`; without it that part is left out");
  command->add_option("--work", f->work, "where checkpoints are written and kept (default: a temporary folder)");
  command->add_option("--threads", f->threads, "of every server (default: one per core)");
  command->add_option("--rounds", f->rounds, "of what is compared with RPC")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000));
  command->add_option("--only", f->only, fmt::format("one or more of {}", fmt::join(names, ", ")))
      ->check(CLI::IsMember(names));
  command->add_option("--json", f->json, "write the figures to this file");
  command->callback([f] { run(*f); });
}

}  // namespace chromatin::bench

/// chromatin fsck: a store at rest is checked, and repaired by dropping what is damaged.

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "apps/commands.hpp"
#include "apps/flags/size.hpp"
#include "apps/output.hpp"
#include "io/fsck/fsck.hpp"
#include "io/progress.hpp"
#include "model/config.hpp"

namespace chromatin {
namespace {

namespace fsck = io::fsck;

struct fsck_flags {
  fsck::options check;
  std::filesystem::path model;
  bool json = false;
};

/// How the command ends where it does not end with 0.
constexpr int damage_was_found = 1, not_checked = 2;

void print_words(const fsck::report& report) {
  for (const auto& f : report.findings)
    fmt::print("{}: {}: {}{}\n", fsck::to_string(f.what_kind), f.where, f.what,
               f.repair.empty() ? "" : "; repaired: " + f.repair);
  for (const auto& cache : report.caches)
    fmt::print("cache of {}: {} chunks, {} of the disk\n", cache.shown(), cache.chunks,
               bytes_text(static_cast<double>(cache.bytes)));
  fmt::print("{} conversations with {} messages, {} chunks with {} bytes: {}\n", report.conversations, report.messages,
             report.chunks, report.chunk_bytes, report.sound() ? "sound" : "not sound");
}

void print_as_json(const fsck::report& report) {
  nlohmann::ordered_json all{{"sound", report.sound()},
                             {"conversations", report.conversations},
                             {"messages", report.messages},
                             {"chunks", report.chunks},
                             {"chunk_bytes", report.chunk_bytes},
                             {"caches", nlohmann::ordered_json::array()},
                             {"findings", nlohmann::ordered_json::array()}};
  for (const auto& cache : report.caches)
    all["caches"].push_back({{"id", cache.id()},
                             {"name", cache.name},
                             {"served_s", cache.served_s},
                             {"chunks", cache.chunks},
                             {"disk_bytes", cache.bytes}});
  for (const auto& f : report.findings)
    all["findings"].push_back(
        {{"kind", fsck::to_string(f.what_kind)}, {"where", f.where}, {"what", f.what}, {"repair", f.repair}});
  // A damaged name need not be a text.
  print_json(all);
}

void run_fsck(fsck_flags flags) {
  fsck::report report;
  try {
    if (!flags.model.empty()) flags.check.vocabulary = model::read_config(flags.model, 0).vocabulary;
    io::progress_line line;
    flags.check.progress = [&line](const std::string& what, std::uint64_t done, std::uint64_t all) {
      line.show(what, done, all);
    };
    report = fsck::check(flags.check);
  } catch (const std::exception& e) {
    fmt::print(stderr, "chromatin: {}\n", e.what());
    throw CLI::RuntimeError{not_checked};
  }
  flags.json ? print_as_json(report) : print_words(report);
  std::fflush(stdout);
  if (!report.sound()) throw CLI::RuntimeError{damage_was_found};
}

}  // namespace

void add_fsck_command(CLI::App& app) {
  auto* command = app.add_subcommand(
      "fsck", "Check a store that no server has open; ends with 0 if it is sound, 1 if not, 2 if it was not checked");
  auto flags = std::make_shared<fsck_flags>();
  command->add_option("folder,--disk", flags->check.folder, "the store: serve's --disk")->required();
  command->add_flag("--repair", flags->check.repair,
                    "drop what is damaged: chunks are computed again, conversations are cut back to what is right, or "
                    "stay refused if nothing of them is");
  command->add_option("--drop-cache", flags->check.drop_cache,
                      "first delete the cache of one model, by the short name that it is listed with; its "
                      "conversations stay");
  command->add_flag("--json", flags->json, "as JSON");
  command->add_option("--model", flags->model, "serve's --model: tokens that it does not have are damage, too");
  command->callback([flags] { run_fsck(*flags); });
}

}  // namespace chromatin

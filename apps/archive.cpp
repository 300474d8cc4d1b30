/// chromatin archive, chromatin recall: conversations into DNA and back.

#include <algorithm>
#include <chrono>
#include <ctime>
#include <thread>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/commands.hpp"
#include "apps/output.hpp"
#include "apps/server_flags.hpp"

namespace chromatin {
namespace {

using json = nlohmann::ordered_json;

struct archive_flags {
  server_flags server;
  std::string id;
  bool as_json = false, wait = false, kv = false;
};

constexpr std::chrono::seconds look_every{2};

json to_json(const archive_ticket& t) {
  return {{"number", t.number},
          {"id", t.id},
          {"state", t.state},
          {"expected_s", t.expected_s},
          {"left_s", t.left_s},
          {"reads", t.reads},
          {"blocks_missing", t.blocks_missing},
          {"reads_more", t.reads_more},
          {"failure", t.failure},
          {"note", t.note},
          {"simulated", t.simulated},
          {"kv", t.kv}};
}

void print(const archive_ticket& t) {
  fmt::print("{:>6}  {:<24} {:<10}", t.number, t.id, t.state);
  if (t.expected_s > 0)
    fmt::print("  expected {:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(static_cast<std::time_t>(t.expected_s)));
  if (t.reads > 0) fmt::print("  {} reads", t.reads);
  if (t.blocks_missing > 0) fmt::print(", {} blocks missing, {} reads more", t.blocks_missing, t.reads_more);
  if (t.kv) fmt::print("  with keys and values");
  if (t.simulated) fmt::print("  simulated");
  fmt::print("\n");
  if (!t.failure.empty()) fmt::print("        stops: {}\n", t.failure);
  if (!t.note.empty() && t.note != "simulated") fmt::print("        {}\n", t.note);
}

void show(const archive_ticket& ticket, bool as_json) { as_json ? print_json(to_json(ticket)) : print(ticket); }

/// The job of this number, again and again until it is at its end or stops.
archive_ticket wait_for(rpc::client& client, archive_ticket ticket) {
  while (ticket.state != "stored" && ticket.state != "settled") {
    if (!ticket.failure.empty()) throw std::runtime_error(ticket.failure);
    std::this_thread::sleep_for(look_every);
    const auto all = client.archives();
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto& t) { return t.number == ticket.number; });
    if (found == all.end()) throw std::runtime_error(fmt::format("{} was forgotten meanwhile", ticket.id));
    ticket = *found;
  }
  return ticket;
}

void list_archives(rpc::client& client, bool as_json) {
  const auto all = client.archives();
  if (!as_json) {
    for (const auto& ticket : all) print(ticket);
    return;
  }
  auto rows = json::array();
  for (const auto& ticket : all) rows.push_back(to_json(ticket));
  print_json(rows);
}

void add_flags(CLI::App& command, archive_flags& flags) {
  add_server_flags(command, flags.server);
  command.add_flag("--wait", flags.wait, "until it is at its end");
  command.add_flag("--json", flags.as_json, "as JSON");
}

}  // namespace

void add_archive_command(CLI::App& app) {
  auto* command = app.add_subcommand("archive", "Bring a conversation into DNA, or list what is there and on its way");
  auto flags = std::make_shared<archive_flags>();
  command->add_option("name", flags->id, "the conversation (default: a list of all archives and recalls)");
  command->add_flag("--kv", flags->kv, "with the keys and values that the disk has of it");
  add_flags(*command, *flags);
  command->callback([flags] {
    auto client = connect(flags->server);
    if (flags->id.empty()) return list_archives(client, flags->as_json);
    auto made = client.archive(flags->id, flags->kv);
    show(flags->wait ? wait_for(client, std::move(made)) : made, flags->as_json);
  });
}

void add_recall_command(CLI::App& app) {
  auto* command = app.add_subcommand("recall", "Bring an archived conversation back");
  auto flags = std::make_shared<archive_flags>();
  command->add_option("name", flags->id, "the conversation")->required();
  command->add_flag("--kv", flags->kv,
                    "with the keys and values that were archived, so that nothing is computed again");
  add_flags(*command, *flags);
  command->callback([flags] {
    auto client = connect(flags->server);
    auto made = client.recall(flags->id, flags->kv);
    show(flags->wait ? wait_for(client, std::move(made)) : made, flags->as_json);
  });
}

}  // namespace chromatin

/// chromatin tier: takes a part of a running server out, and puts it back.

#include <fmt/core.h>

#include "apps/commands.hpp"
#include "apps/server_flags.hpp"

namespace chromatin {
namespace {

struct tier_flags {
  server_flags server;
  std::string name;
};

void add_one(CLI::App& tier, const char* verb, const char* help, const std::shared_ptr<tier_flags>& flags,
             void (rpc::client::*call)(const std::string&), const char* done) {
  auto* command = tier.add_subcommand(verb, help);
  command->add_option("name", flags->name, "disk-tier, host-tier or prefetcher")->required();
  command->callback([=] {
    auto client = connect(flags->server);
    (client.*call)(flags->name);
    fmt::print("{} {}\n", flags->name, done);
  });
}

}  // namespace

void add_tier_command(CLI::App& app) {
  auto* command = app.add_subcommand("tier", "Take a tier out of a running server, or put it back; `stat` shows them");
  command->require_subcommand(1);
  command->fallthrough();
  auto flags = std::make_shared<tier_flags>();
  add_server_flags(*command, flags->server, "an operator's");
  add_one(*command, "detach", "Turns go on without it; what only it holds is computed again", flags,
          &rpc::client::detach_part, "is out");
  add_one(*command, "attach", "Start it again, also one that died too often", flags, &rpc::client::attach_part,
          "is in its place");
}

}  // namespace chromatin

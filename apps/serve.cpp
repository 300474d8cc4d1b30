/// chromatin serve: the server.

#include <csignal>

#include <fmt/core.h>
#include <pthread.h>

#include "apps/commands.hpp"
#include "apps/system_flags.hpp"
#include "rpc/server.hpp"

namespace chromatin {
namespace {

struct serve_flags {
  system_options system;
  std::vector<std::string> listen;
  std::string socket, tokens;
};

/// Signals are taken by sigwait in the main thread, so every thread must have them blocked: this runs before any is
/// started.
sigset_t block_stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return set;
}

void serve(serve_flags flags) {
  auto signals = block_stop_signals();
  flags.system.on_fatal = [](const std::string& what) {
    fmt::print(stderr, "chromatin: {}; stopping\n", what);
    ::kill(::getpid(), SIGTERM);
  };
  if (!flags.socket.empty()) flags.listen.push_back("unix:" + flags.socket);
  if (flags.listen.empty()) flags.listen.push_back("127.0.0.1:7411");
  rpc::server_options options{.listen = flags.listen};
  if (!flags.tokens.empty()) options.tokens = rpc::read_token_file(flags.tokens);

  running_system system{flags.system};
  options.answer_tokens_default = answer_tokens_default(system.checkpoint());
  rpc::server server{system.actors(), system.gateway(), system.telemetry(), options};
  for (const auto& notice : system.notices()) fmt::print(stderr, "{}\n", notice);
  for (const auto& address : server.addresses()) fmt::print(stderr, "listening on {}\n", address);
  std::fflush(stderr);

  int signal = 0;
  sigwait(&signals, &signal);
  fmt::print(stderr, "stopping: saving what is under way; once more to stop at once\n");
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);  // a second signal ends the process
}

}  // namespace

void add_serve_command(CLI::App& app) {
  auto* command = app.add_subcommand("serve", "Serve a model; conversations keep their cache in memory and on disk");
  auto flags = std::make_shared<serve_flags>();
  command->fallthrough();  // --config belongs to the program
  add_system_flags(*command, flags->system);
  command->add_option("--listen", flags->listen,
                      "HOST:PORT to listen on, several allowed (default 127.0.0.1:7411; port 0: any free one)");
  command->add_option("--socket", flags->socket, "Unix socket to listen on");
  command->add_option("--tokens", flags->tokens,
                      "file with lines `TOKEN TENANT`; needed to listen beyond this machine");
  command->callback([flags] { serve(*flags); });
}

}  // namespace chromatin

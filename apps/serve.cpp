/// chromatin serve: the server.

#include <csignal>
#include <cstdlib>
#include <mutex>

#include <caf/scoped_actor.hpp>
#include <fmt/core.h>
#include <pthread.h>
#include <sys/resource.h>

#include "apps/commands.hpp"
#include "apps/system_flags.hpp"
#include "io/tenant_salts.hpp"
#include "rpc/server.hpp"

namespace chromatin {
namespace {

struct serve_flags {
  system_options system;
  std::vector<std::string> listen;
  std::string socket, tokens, secret_file;
};

/// Answers under way have so long to be settled when the server stops, and their clients to take the answers to their
/// calls.
constexpr auto settle_within = std::chrono::seconds{30}, answer_within = std::chrono::seconds{5};

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

/// Connections are file descriptors, and the usual limit of 1024 is meant for programs that use select().
void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::string tenant_secret(const std::string& file) {
  constexpr auto variable = "CHROMATIN_SECRET";
  if (!file.empty()) return io::read_secret(file);
  const char* value = std::getenv(variable);
  return value ? io::check_secret(value, variable) : std::string{};
}

/// The first part that died without which no turn can run; its death stops the server like a signal.
class fatal_end {
 public:
  void operator()(const std::string& what) {
    std::lock_guard lock{mutex_};
    if (!what_.empty()) return;
    what_ = what;
    if (stopping_) return;
    fmt::print(stderr, "chromatin: {}; stopping\n", what);
    ::kill(::getpid(), SIGTERM);
  }
  /// The server stops already: a signal now would end the process at once.
  void stopping() {
    std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  std::string what() {
    std::lock_guard lock{mutex_};
    return what_;
  }

 private:
  std::mutex mutex_;
  std::string what_;
  bool stopping_ = false;
};

/// Turns under way end as cancelled, what they answered is settled, and their calls are answered.
void finish_turns(running_system& system, rpc::server& server) {
  caf::scoped_actor self{system.actors()};
  self->request(system.gateway(), settle_within, atom::stop_v)
      .receive([](std::uint32_t) {},
               [](const caf::error& error) {
                 fmt::print(stderr, "chromatin: turns under way are lost: {}\n", explain(error));
               });
  server.finish_turns(answer_within);
}

void serve(serve_flags flags) {
  auto signals = block_stop_signals();
  raise_file_limit();
  fatal_end died;
  flags.system.on_fatal = [&died](const std::string& what) { died(what); };
  flags.system.tenant_secret = tenant_secret(flags.secret_file);
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
  died.stopping();
  fmt::print(stderr, "stopping: saving what is under way; once more to stop at once\n");
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);  // a second signal ends the process
  finish_turns(system, server);
  if (auto what = died.what(); !what.empty()) throw std::runtime_error("stopped because " + what);
}

}  // namespace

void add_serve_command(CLI::App& app, const system_options& defaults) {
  auto* command = app.add_subcommand("serve", "Serve a model; conversations keep their cache in memory and on disk");
  auto flags = std::make_shared<serve_flags>();
  flags->system = defaults;
  command->fallthrough();  // --config belongs to the program
  add_system_flags(*command, flags->system);
  command->add_option("--listen", flags->listen,
                      "HOST:PORT to listen on, several allowed (default 127.0.0.1:7411; port 0: any free one)");
  command->add_option("--socket", flags->socket, "Unix socket to listen on");
  command->add_option("--tokens", flags->tokens,
                      "file with lines `TOKEN TENANT`; needed to listen beyond this machine");
  command->add_option("--secret-file", flags->secret_file,
                      "file with the secret that new tenants' salts are made of, so that several servers can share a "
                      "cache (or CHROMATIN_SECRET; default: random salts)");
  command->callback([flags] { serve(*flags); });
}

}  // namespace chromatin

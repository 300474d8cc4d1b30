/// chromatin serve: the server.

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include <caf/scoped_actor.hpp>
#include <fmt/core.h>
#include <pthread.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include "apps/archive_flags.hpp"
#include "apps/commands.hpp"
#include "apps/door_flags.hpp"
#include "apps/fault_flags.hpp"
#include "apps/service_manager.hpp"
#include "apps/system_flags.hpp"
#include "http/server.hpp"
#include "io/progress.hpp"
#include "io/tenant_salts.hpp"
#include "rpc/server.hpp"

namespace chromatin {
namespace {

constexpr const char* listen_default = "127.0.0.1:7411";
constexpr const char* http_default = "127.0.0.1:8080";

struct serve_flags {
  system_options system;
  rpc::door_limits limits;
  fault_flags faults;
  std::vector<std::string> listen;
  std::string http = http_default;
  std::vector<std::string> http_origins;
  std::string socket, tokens, secret_file, log_level = "info";
  double drain_s = 5;
};

constexpr std::uint64_t scrub_bytes_per_s_default = 2u << 20;
/// Answers that ended have so long to be settled when the server stops, and their clients to take the answers to their
/// calls.
constexpr auto settle_within = std::chrono::seconds{30}, answer_within = std::chrono::seconds{5};
/// Files that are not connections: the disk tier's segments, databases, the process's own.
constexpr std::uint64_t other_files = 128;

sigset_t signal_set(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : signals) sigaddset(&set, signal);
  return set;
}

/// Connections are file descriptors, and the usual limit of 1024 is meant for programs that use select(). What the
/// system does not allow at all is not promised to clients.
void raise_file_limit(rpc::door_limits& door) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  auto room = std::max<std::uint64_t>(limit.rlim_cur, other_files + 16) - other_files;
  if (room >= door.connections_max) return;
  spdlog::warn("this process may open {} files: {} connections instead of {} (ulimit -n, or LimitNOFILE=)",
               limit.rlim_cur, room, door.connections_max);
  door.connections_max = static_cast<std::uint32_t>(room);
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

/// Turns under way may go on for so long; then they end as cancelled, what they answered is settled, and their calls
/// are answered. One that waits for the model's weights even then does not hold up the end.
void finish_turns(running_system& system, rpc::server& server, caf::timespan drain) {
  std::jthread late{[&](const std::stop_token& finished) {
    std::mutex mutex;
    std::unique_lock lock{mutex};
    std::condition_variable_any wake;
    wake.wait_for(lock, finished, drain, [] { return false; });
    if (!finished.stop_requested()) system.stop_packing();
  }};
  caf::scoped_actor self{system.actors()};
  self->request(system.gateway(), drain + settle_within, atom::stop_v, drain)
      .receive([](std::uint32_t) {},
               [](const caf::error& error) {
                 fmt::print(stderr, "chromatin: turns under way are lost: {}\n", explain(error));
               });
  server.finish_turns(answer_within);
}

void set_log_level(const std::string& name) { spdlog::set_level(spdlog::level::from_str(name)); }

void add_serve_options(CLI::App& command, serve_flags& flags);

/// The options as the arguments and the configuration file give them now.
serve_flags read_again(const std::vector<std::string>& arguments, const system_options& defaults) {
  CLI::App app;
  app.set_config("--config");
  app.allow_config_extras(true);  // other commands' sections
  serve_flags flags{.system = defaults};
  auto* command = app.add_subcommand("serve");
  command->fallthrough();
  add_serve_options(*command, flags);
  app.parse(std::vector<std::string>{arguments.rbegin(), arguments.rend()});
  return flags;
}

/// SIGHUP: tokens and log level as their files say now. What cannot be read changes nothing.
void reload(rpc::server& server, const std::vector<std::string>& arguments, const system_options& defaults) try {
  auto flags = read_again(arguments, defaults);
  if (!flags.tokens.empty()) server.set_tokens(rpc::read_token_file(flags.tokens));
  set_log_level(flags.log_level);
  spdlog::info("tokens and log level were read again");
} catch (const std::exception& e) {
  spdlog::error("nothing was read again: {}", e.what());
}

/// What to say of it. Where nobody chose an address, it is no fault that the usual one is taken.
std::vector<std::string> serve_http(rpc::server_loop& loop, const serve_flags& flags,
                                    const model::checkpoint& checkpoint) {
  if (flags.http == "off") return {};
  try {
    std::vector<std::string> lines;
    for (const auto& at :
         http::serve(loop, {.listen = {flags.http}, .checkpoint = checkpoint, .origins = flags.http_origins})) {
      lines.push_back(fmt::format("OpenAI's interface on http://{}/v1", at));
      lines.push_back(fmt::format("in a browser: http://{}/", at));
    }
    return lines;
  } catch (const rpc::server_error& e) {
    if (flags.http != http_default || !flags.http_origins.empty()) throw;
    return {fmt::format("no HTTP: {}; --http HOST:PORT chooses another address, --http off none", e.what())};
  }
}

void serve(serve_flags flags, const std::vector<std::string>& arguments, const system_options& defaults) {
  // Signals are taken by sigwait in this thread, so every thread that is started has them blocked.
  auto stops = signal_set({SIGINT, SIGTERM}), all = signal_set({SIGINT, SIGTERM, SIGHUP});
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  set_log_level(flags.log_level);
  raise_file_limit(flags.limits);
  fatal_end died;
  flags.system.on_fatal = [&died](const std::string& what) { died(what); };
  flags.system.tenant_secret = tenant_secret(flags.secret_file);
  if (!flags.socket.empty()) flags.listen.push_back("unix:" + flags.socket);
  if (flags.listen.empty()) flags.listen.push_back(listen_default);
  rpc::server_options options{.listen = flags.listen};
  options.limits = flags.limits;
  if (!flags.tokens.empty()) options.tokens = rpc::read_token_file(flags.tokens);

  injected_faults faults{flags.faults, flags.system};
  std::optional<io::waiting_line> waiting{std::in_place, "loading " + flags.system.model.string()};
  running_system system{flags.system};
  options.answer_tokens_default = answer_tokens_default(system.checkpoint());
  std::vector<std::string> http_lines;
  options.beside = [&](rpc::server_loop& loop) { http_lines = serve_http(loop, flags, system.checkpoint()); };
  rpc::server server{system.actors(), system.gateway(), system.telemetry(), system.supervisor(), options};
  waiting.reset();
  for (const auto& notice : system.notices()) fmt::print(stderr, "{}\n", notice);
  for (const auto& address : server.addresses()) fmt::print(stderr, "listening on {}\n", address);
  for (const auto& line : http_lines) fmt::print(stderr, "{}\n", line);
  std::fflush(stderr);
  tell_service_manager("READY=1");

  int signal = 0;
  while (sigwait(&all, &signal) == 0 && signal == SIGHUP) reload(server, arguments, defaults);
  died.stopping();
  tell_service_manager("STOPPING=1");
  fmt::print(stderr, "stopping: saving what is under way; once more to stop at once\n");
  pthread_sigmask(SIG_UNBLOCK, &stops, nullptr);  // a second signal ends the process
  auto drain = std::chrono::duration_cast<caf::timespan>(std::chrono::duration<double>(flags.drain_s));
  finish_turns(system, server, died.what().empty() ? drain : caf::timespan{0});
  if (auto what = died.what(); !what.empty()) throw std::runtime_error("stopped because " + what);
}

void add_serve_options(CLI::App& command, serve_flags& flags) {
  command.fallthrough();  // --config belongs to the program
  add_system_flags(command, flags.system);
  flags.system.scrub_bytes_per_s = scrub_bytes_per_s_default;
  add_size(command, "--scrub", flags.system.scrub_bytes_per_s,
           "bytes a second of the disk tier that are checked though nobody wants them, e.g. 8M; 0: none");
  command
      .add_option("--listen", flags.listen,
                  "HOST:PORT or [IPV6]:PORT to listen on, several allowed (port 0: any free "
                  "one; localhost: both families)")
      ->default_str(listen_default);
  command.add_option("--http", flags.http, "HOST:PORT for OpenAI's HTTP interface, or off")->capture_default_str();
  command.add_option(
      "--http-origin", flags.http_origins,
      "origin of another site, such as https://chat.example:8443, whose pages may talk to the server from "
      "a browser; several allowed");
  command.add_option("--socket", flags.socket, "Unix socket to listen on");
  command.add_option("--tokens", flags.tokens,
                     "file with lines `TOKEN TENANT`, and `operator` behind that for who sees everybody's counters; "
                     "needed to listen beyond this machine; read again on SIGHUP");
  command.add_option("--secret-file", flags.secret_file,
                     "file with the secret that new tenants' salts are made of, so that several servers can share a "
                     "cache (or CHROMATIN_SECRET; default: random salts)");
  command.add_option("--drain", flags.drain_s, "seconds that answers under way may go on when the server is stopped")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 86400.0));
  command.add_option("--log-level", flags.log_level, "trace, debug, info, warning, error or off; read again on SIGHUP")
      ->capture_default_str()
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error", "off"}));
  add_archive_flags(command, flags.system.archive);
  add_door_flags(command, flags.limits);
  add_fault_flags(command, flags.faults);
}

}  // namespace

void add_serve_command(CLI::App& app, const system_options& defaults, const std::vector<std::string>& arguments) {
  auto* command = app.add_subcommand("serve", "Serve a model; conversations keep their cache in memory and on disk");
  auto flags = std::make_shared<serve_flags>(serve_flags{.system = defaults});
  add_serve_options(*command, *flags);
  command->callback([flags, defaults, arguments] { serve(*flags, arguments, defaults); });
}

}  // namespace chromatin

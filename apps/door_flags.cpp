#include "apps/door_flags.hpp"

#include <fmt/format.h>

#include "apps/system_flags.hpp"

namespace chromatin {

void add_door_flags(CLI::App& command, rpc::door_limits& limits) {
  auto count = [&](const char* name, std::uint32_t& value, const char* help) {
    command.add_option(name, value, help)->capture_default_str()->check(CLI::Range(1, 1 << 24));
  };
  count("--connections", limits.connections_max, "connections at most");
  count("--connections-per-client", limits.connections_per_client_max, "of one tenant or address");
  count("--calls-per-connection", limits.calls_per_connection_max, "calls that wait for their answers");
  count("--calls-per-client", limits.calls_per_client_max, "the same over all connections of a tenant or address");
  count("--turns-per-connection", limits.turns_per_connection_max, "turns under way or waiting");
  count("--turns-per-client", limits.turns_per_client_max, "the same over all connections of a tenant or address");
  count("--open-per-connection", limits.handles_per_connection_max, "conversations that a connection holds open");
  add_size(command, "--call-bytes", limits.call_bytes_max, "size of one call at most");
  add_size(command, "--bytes-per-connection", limits.bytes_per_connection_max, "of calls that wait for their answers");
  add_size(command, "--bytes-per-client", limits.bytes_per_client_max,
           "the same over all connections of a tenant or address");
  add_size(command, "--bytes", limits.bytes_max, "of calls that are being received, of all clients");
  auto seconds = [&](const char* name, std::chrono::milliseconds& value, const char* help) {
    auto set = [&value](const double& given) { value = std::chrono::milliseconds{static_cast<int>(given * 1000)}; };
    command.add_option_function<double>(name, set, help)
        ->default_str(fmt::format("{}", static_cast<double>(value.count()) / 1000))
        ->check(CLI::Range(0.001, 86400.0));
  };
  seconds("--login-within", limits.login_within, "seconds until a connection that has not logged in is closed");
  seconds("--login-grace", limits.login_grace,
          "seconds that a new connection has to say something before it may give way to the next");
  seconds("--read-within", limits.read_within, "seconds that a client may take nothing of an answer that goes on");
  seconds("--message-within", limits.message_within, "seconds that a message may take in or out");
}

}  // namespace chromatin

#pragma once

/// The options of every command that speaks to a server.

#include <CLI/CLI.hpp>

#include <string>

#include "rpc/client.hpp"

namespace chromatin {

struct server_flags {
  std::string address = "127.0.0.1:7411", token;
};

/// Adds --server and --token; `whose` says whose token it must be.
void add_server_flags(CLI::App& command, server_flags& flags, const std::string& whose = "the tenant's");

/// Throws rpc::call_error; where no server answers it names the address and the way out.
rpc::client connect(const server_flags& flags);

}  // namespace chromatin

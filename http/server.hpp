#pragma once

/// Serves OpenAI's HTTP interface on the RPC server's event loop: the same door, tenants and gateway under both.

#include <string>
#include <vector>

#include "model/checkpoint.hpp"

namespace chromatin::rpc {
struct server_loop;
}

namespace chromatin::http {

struct server_options {
  std::vector<std::string> listen;                 ///< rpc/address.hpp
  const chromatin::model::checkpoint& checkpoint;  ///< what is served, under its name; lives longer than the loop
  std::vector<std::string> origins = {};  ///< of other sites whose pages are served, such as "https://chat.example"
};

/// Listens, and serves as long as the loop runs. The addresses, with real port numbers, in the order of the options.
/// Throws rpc::server_error.
std::vector<std::string> serve(rpc::server_loop& loop, const server_options& options);

}  // namespace chromatin::http

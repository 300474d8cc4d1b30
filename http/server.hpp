#pragma once

/// Serves OpenAI's HTTP interface on the RPC server's event loop: the same door, tenants and gateway under both.

#include <memory>
#include <string>
#include <vector>

#include "model/tokenizer.hpp"

namespace chromatin::rpc {
struct server_loop;
}

namespace chromatin::http {

struct server_options {
  std::vector<std::string> listen;                           ///< rpc/address.hpp
  std::string model;                                         ///< the name it is served under
  std::shared_ptr<const chromatin::model::tokenizer> words;  ///< its tokenizer
};

/// Listens, and serves as long as the loop runs. The addresses, with real port numbers, in the order of the options.
/// Throws rpc::server_error.
std::vector<std::string> serve(rpc::server_loop& loop, const server_options& options);

}  // namespace chromatin::http

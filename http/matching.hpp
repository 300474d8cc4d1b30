#pragma once

/// Which conversation a plain client goes on with. It sends all messages each time and names none; what was said, and
/// in which tokens, is found by the messages' contents. Event loop thread only.

#include <string>
#include <vector>

#include "model/chat_template.hpp"
#include "rpc/service.hpp"

namespace chromatin::http {

/// Where the last of some messages is to be said.
struct place {
  std::string conversation;
  std::size_t known = 0;  ///< messages that it has, the leading ones of these; the others come before the last
  bool named = false;     ///< by the client, whose messages are the new ones only: what it has nobody says
};

/// The conversation of the tenant, under a salt of the client's, that begins with the most of the messages before the
/// last. One that goes on differently is forked there; where none begins with them, there is a new one.
kj::Promise<place> find_place(rpc::service_context& context, const std::string& tenant, const std::string& salt,
                              const std::vector<model::message>& messages);

/// `at`, and `count` forks of it for other answers to the same.
kj::Promise<std::vector<place>> find_forks(rpc::service_context& context, const std::string& tenant, const place& at,
                                           std::size_t count);

/// Another one in place of `busy`, in which somebody else's turn is under way.
kj::Promise<place> find_free_place(rpc::service_context& context, const std::string& tenant, const place& busy);

}  // namespace chromatin::http

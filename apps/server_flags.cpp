#include "apps/server_flags.hpp"

#include <string>
#include <string_view>

#include <fmt/format.h>

namespace chromatin {
namespace {

/// What KJ says of an address without what it says for its own developers.
std::string in_words(std::string_view text) {
  if (text.find("Port number too large") != text.npos) return "a port is a number up to 65535";
  for (std::string_view mark : {"connect(): ", "gai_strerror(status) = "})
    if (auto at = text.rfind(mark); at != text.npos) text.remove_prefix(at + mark.size());
  return std::string{text};
}

}  // namespace

void add_server_flags(CLI::App& command, server_flags& flags, const std::string& whose) {
  command.add_option("--server", flags.address, "HOST:PORT or unix:PATH")->capture_default_str();
  command.add_option("--token", flags.token, whose + " token");
}

rpc::client connect(const server_flags& flags) {
  try {
    return rpc::client{flags.address, flags.token};
  } catch (const rpc::call_error& e) {
    // What a server says that does answer, of a token for instance, has no address in it.
    std::string_view text = e.what();
    auto unanswered = "not_available: " + flags.address + ": ";
    if (!text.starts_with(unanswered)) throw;
    text.remove_prefix(unanswered.size());
    throw rpc::call_error(fmt::format("not_available: no server answers at {} ({}); start one with \"chromatin serve\"",
                                      flags.address, in_words(text)));
  }
}

}  // namespace chromatin

#pragma once

/// Who may talk: the tokens and whose they are.

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace chromatin::rpc {

struct token_list {
  std::map<std::string, std::string> tenants;  ///< by token
  std::set<std::string> operators;             ///< tokens that see the whole server's counters

  bool empty() const { return tenants.empty(); }
  /// The tenant of a token that a client gives, or null. Takes the same time whatever is wrong with it.
  const std::string* find(std::string_view given) const;
};

/// Lines of "TOKEN TENANT", or "TOKEN TENANT operator"; '#' begins a comment. A token stands once. Throws server_error
/// with the line's number.
token_list read_token_file(const std::string& file);

}  // namespace chromatin::rpc

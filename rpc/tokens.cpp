#include "rpc/tokens.hpp"

#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "rpc/server.hpp"

namespace chromatin::rpc {
namespace {

constexpr std::size_t token_bytes_min = 16;

/// Equal length and content, in a time that does not depend on where they differ.
bool same_secret(std::string_view a, std::string_view b) {
  unsigned difference = a.size() != b.size();
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i % b.size()]);
  return difference == 0;
}

}  // namespace

const std::string* token_list::find(std::string_view given) const {
  const std::string* tenant = nullptr;
  for (const auto& [token, owner] : tenants)
    if (same_secret(given, token)) tenant = &owner;
  return tenant;
}

token_list read_token_file(const std::string& file) {
  std::ifstream in{file};
  if (!in) throw server_error(fmt::format("{}: cannot be read", file));
  token_list all;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    std::istringstream words{line.substr(0, line.find('#'))};
    std::string token, tenant, role, rest;
    if (!(words >> token)) continue;
    bool complete = static_cast<bool>(words >> tenant);
    if (words >> role) complete = complete && role == "operator" && !(words >> rest);
    if (!complete || token.size() < token_bytes_min)
      throw server_error(fmt::format(
          "{}:{}: a line is a token of at least {} characters, a tenant's name, and `operator` for one who sees "
          "everybody's counters",
          file, number, token_bytes_min));
    if (!all.tenants.emplace(token, tenant).second)
      throw server_error(fmt::format("{}:{}: this token stands in the file twice", file, number));
    if (!role.empty()) all.operators.insert(token);
  }
  if (all.empty()) throw server_error(fmt::format("{}: holds no token", file));
  return all;
}

}  // namespace chromatin::rpc

#pragma once

/// Long sittings made of real conversations, as tokens.

#include <filesystem>
#include <vector>

#include "model/checkpoint.hpp"

namespace chromatin::bench {

/// One message as the model's template renders it.
struct rendered_message {
  bool from_user = false;
  std::vector<kv::token_id> tokens;
};
using sitting = std::vector<rendered_message>;

/// Reads {"messages": [{"role", "content"}, …]} lines and strings them to `count` sittings of about equal length.
/// Throws std::runtime_error that names the file and the line.
std::vector<sitting> read_sittings(const std::filesystem::path& file, const model::checkpoint& checkpoint,
                                   std::size_t count);

/// All tokens of a sitting in order.
std::vector<kv::token_id> tokens_of(const sitting& s);

}  // namespace chromatin::bench

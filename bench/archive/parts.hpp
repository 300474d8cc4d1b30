#pragma once

/// What `chromatin bench archive` is made of: each part prints its figures as they come and returns them.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "bench/served/parts.hpp"

namespace chromatin::bench {

struct archive_setup {
  std::filesystem::path embedded;  ///< the model
  std::uint64_t seed = 1;
  std::uint32_t conversations = 200;  ///< at most all bundled ones
  std::uint32_t rounds = 5;           ///< of serving beside archives and without them
  std::string channel = "illumina";
};

/// Conversations that were archived and recalled, with turns in between, beside the same ones that never left: the
/// answers are compared.
nlohmann::ordered_json archive_continued(const archive_setup& setup);
/// Reads spent to recall one, and ten, of a tube of a thousand conversations.
nlohmann::ordered_json archive_reads(const archive_setup& setup);
/// Serving's time to first token while archives and recalls run, and while they do not.
nlohmann::ordered_json archive_beside(const archive_setup& setup);

/// Conversations that are archived and recalled with their keys and values: bytes, strands, what is computed next.
nlohmann::ordered_json archive_kv(const archive_setup& setup);

/// What the users of the bundled conversations say, at most so many of them.
std::vector<user_turns> bundled_users(std::uint32_t count);

/// Words for `serve`: an archive below the folder, whose laboratory takes no time.
std::vector<std::string> archive_words(const archive_setup& setup, const std::filesystem::path& folder,
                                       const std::string& on_turn);

/// A line for people, at once.
void say_line(const std::string& text);

}  // namespace chromatin::bench

#pragma once

/// Files that are spread over several stores.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "dna/partition/parts.hpp"
#include "dna/partition/store.hpp"

namespace chromatin::dna {

/// The first store and those of --over, in their order.
std::vector<store> open_all(const std::filesystem::path& first, const std::vector<std::filesystem::path>& others,
                            store::access how);

/// Puts a file as parts, as many as it needs. Throws std::runtime_error where the stores have too little room; then
/// nothing was written. Says how many parts there are.
std::size_t put_over(std::vector<store>& into, const new_file& file);

/// New content for such a file; its parts keep their sizes but for the last. Throws as above.
void update_over(std::vector<store>& into, const std::string& path, const byte_string& content);

/// Throws std::runtime_error for what is not whole.
byte_string get_over(const std::vector<store>& from, const std::string& path, std::optional<std::uint32_t> commit);

}  // namespace chromatin::dna

#include "apps/dna/over.hpp"

#include <cmath>

#include <fmt/format.h>

#include "apps/dna/open_store.hpp"
#include "dna/partition/compression.hpp"

namespace chromatin::dna {
namespace {

/// Content that fits in one more file, some leaves set aside for the journal.
std::uint64_t room_of(const store& one) {
  constexpr std::uint32_t journal = 8;
  const auto& g = one.layout().geometry();
  const auto free = one.contents().free_leaves();
  if (free <= journal) return 0;
  const auto blocks = std::floor(static_cast<double>(free - journal) / (1 + g.outer)) - (g.outer > 0 ? 1 : 0);
  return static_cast<std::uint64_t>(std::max(0.0, blocks)) * g.block_bytes();
}

/// Where a part of a path stands in a store; empty where it has none.
std::string part_in(const store& from, const std::string& path, std::optional<std::uint32_t> commit) {
  for (const auto& one : from.contents().list(commit))
    if (const auto place = parse_part_name(one.path); place && place->path == path) return one.path;
  return {};
}

file_part read_part(const store& from, const std::string& name, std::optional<std::uint32_t> commit) {
  const auto reading = from.contents().get(name, commit);
  if (!reading.content) throw std::runtime_error{reading.reason};
  auto part = decode_part(*reading.content);
  if (!part) throw std::runtime_error{fmt::format("\"{}\" is no part of a file", name)};
  return std::move(*part);
}

}  // namespace

std::vector<store> open_all(const std::filesystem::path& first, const std::vector<std::filesystem::path>& others,
                            store::access how) {
  std::vector<store> all;
  all.push_back(open_store(first, how));
  for (const auto& one : others) all.push_back(open_store(one, how));
  return all;
}

std::size_t put_over(std::vector<store>& into, const new_file& file) {
  std::vector<std::uint64_t> rooms;
  std::uint64_t sum = 0;
  for (const auto& one : into) rooms.push_back(room_of(one)), sum += rooms.back();
  const auto whole = file.compress ? compress(file.content) : file.content;
  const auto parts = cut(whole, file.compress, rooms);
  if (parts.empty())
    throw std::runtime_error{fmt::format("\"{}\" has {} bytes, the stores have room for {}: name more with --over",
                                         file.path, whole.size(), sum)};
  for (const bool earnest : {false, true})
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::vector<new_file> one{{part_name(file.path, parts[i].number, parts[i].of), encode(parts[i])}};
      if (earnest) {
        into[i].put(one);
      } else {
        auto trial = into[i].contents();
        trial.put(one);
      }
    }
  return parts.size();
}

void update_over(std::vector<store>& into, const std::string& path, const byte_string& content) {
  std::vector<std::string> names;
  std::vector<std::uint64_t> rooms;
  bool compressed = false;
  for (const auto& one : into) {
    names.push_back(part_in(one, path, {}));
    if (names.back().empty())
      throw std::runtime_error{fmt::format("{} has no part of \"{}\"", one.folder().string(), path)};
    const auto part = read_part(one, names.back(), {});
    if (part.number != names.size() || part.of != into.size())
      throw std::runtime_error{
          fmt::format("{} has part {} of {}: name the stores in the order of the parts, all of them",
                      one.folder().string(), part.number, part.of)};
    compressed = part.compressed;
    rooms.push_back(part.content.size() + file_part::header_bytes);
  }
  const auto whole = compressed ? compress(content) : content;
  const auto parts = cut(whole, compressed, rooms, true);
  for (const bool earnest : {false, true})
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (earnest) {
        into[i].update(names[i], encode(parts[i]));
      } else {
        auto trial = into[i].contents();
        trial.update(names[i], encode(parts[i]));
      }
    }
}

byte_string get_over(const std::vector<store>& from, const std::string& path, std::optional<std::uint32_t> commit) {
  std::vector<file_part> parts;
  for (const auto& one : from)
    if (const auto name = part_in(one, path, commit); !name.empty()) parts.push_back(read_part(one, name, commit));
  auto made = join(parts);
  if (!made.content) throw std::runtime_error{fmt::format("\"{}\": {}", path, made.reason)};
  return std::move(*made.content);
}

}  // namespace chromatin::dna

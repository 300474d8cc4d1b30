#include "io/catalog_format.hpp"

#include <charconv>

#include <fmt/format.h>

namespace chromatin::io::catalog_format {
namespace {

/// No server counts so far; a larger count is damage, and counting on from it would overflow.
constexpr std::int64_t use_max = std::int64_t{1} << 62;
/// More of anything is no model's shape, and could not be multiplied.
constexpr std::uint32_t dimension_max = 1u << 16;

/// Takes a number and the words behind it off the front of `text`.
bool take(std::string_view& text, std::uint32_t& number, std::string_view words) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number == 0 || number > dimension_max) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (!text.starts_with(words)) return false;
  text.remove_prefix(words.size());
  return true;
}

}  // namespace

std::string checksum(const description& of) {
  auto text = fmt::format("{}\n{}\n{}", of.model, of.geometry, of.segment_slots);
  return kv::to_string(kv::hash(std::as_bytes(std::span{text})));
}

std::string to_words(const kv::geometry& g) {
  return fmt::format("{} layers, {} key-value heads of {}, {}", g.layers, g.kv_heads, g.head_dim,
                     g.type == kv::dtype::f32 ? "f32" : "bf16");
}

std::optional<kv::geometry> geometry_of(const std::string& words) {
  kv::geometry g;
  std::string_view left = words;
  if (!take(left, g.layers, " layers, ") || !take(left, g.kv_heads, " key-value heads of ") ||
      !take(left, g.head_dim, ", ") || (left != "f32" && left != "bf16"))
    return {};
  g.type = left == "f32" ? kv::dtype::f32 : kv::dtype::bf16;
  return g;
}

std::optional<kv::hash128> hash_of(const std::string& hex) {
  kv::hash128 hash;
  auto half = [&](std::size_t at, std::uint64_t& value) {
    auto* from = hex.data() + at;
    return std::from_chars(from, from + 16, value, 16).ptr == from + 16;
  };
  if (hex.size() != 32 || !half(0, hash.high) || !half(16, hash.low)) return {};
  return hash;
}

std::string meta(database& db, const char* name) {
  statement get{db, "SELECT value FROM meta WHERE name = ?"};
  return get.bind(name).step() ? get.text(0) : std::string{};
}

std::uint32_t number_of(const std::string& name, const std::string& text) {
  std::uint32_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value == 0)
    throw sqlite_error(fmt::format("the catalogue's {} is impossible: {}", name, text), true);
  return value;
}

statement rows(database& db, const std::string& verb, bool possible, const kv::geometry& shape, std::uint32_t slots) {
  statement rows{
      db, verb + (possible ? " WHERE " : " WHERE NOT ") +
              "(typeof(key) = 'blob' AND length(key) = ? AND typeof(checksums) = 'blob' AND length(checksums) = ? AND "
              "typeof(slot) = 'integer' AND slot BETWEEN 0 AND ? AND typeof(depth) = 'integer' AND depth BETWEEN 0 AND "
              "4294967295 AND typeof(fill) = 'integer' AND fill BETWEEN 1 AND ? AND typeof(used) = 'integer' AND used "
              "BETWEEN 0 AND ?)"};
  rows.bind(std::int64_t{sizeof(kv::chunk_key)}, static_cast<std::int64_t>(shape.layers * sizeof(std::uint64_t)),
            std::int64_t{slots} - 1, std::int64_t{kv::tokens_per_chunk}, use_max);
  return rows;
}

}  // namespace chromatin::io::catalog_format

#include "sim/trace.hpp"

#include <fstream>
#include <stdexcept>

#include <zlib.h>

namespace chromatin::sim {
namespace {

struct kind {
  bool (*looks_like)(std::string_view);
  std::unique_ptr<trace> (*parse)(std::string_view, const std::string&);
};

constexpr kind kinds[] = {
    {looks_like_mooncake, parse_mooncake},
    {looks_like_interactive, parse_interactive},
};

constexpr std::size_t text_bytes_max = std::size_t{4} << 30;

/// Plain text passes zlib unchanged.
std::string read_text(const std::filesystem::path& file) {
  if (std::filesystem::is_directory(file)) throw std::runtime_error(file.string() + ": is a folder, not a trace");
  auto* in = gzopen(file.c_str(), "rb");
  if (!in) throw std::runtime_error(file.string() + ": there is no such file, or it cannot be read");
  std::string text;
  std::vector<char> piece(1 << 20);
  int count = 0;
  while (text.size() <= text_bytes_max && (count = gzread(in, piece.data(), static_cast<unsigned>(piece.size()))) > 0)
    text.append(piece.data(), static_cast<std::size_t>(count));
  int error = Z_OK;
  gzerror(in, &error);
  bool whole = count == 0 && (error == Z_OK || error == Z_STREAM_END);
  gzclose(in);
  if (text.size() > text_bytes_max) throw std::runtime_error(file.string() + ": is greater than 4 GiB; split it");
  if (!whole) throw std::runtime_error(file.string() + ": is damaged or cut short; copy it again");
  return text;
}

}  // namespace

/// The finalizer of splitmix64 (Steele, Lea, Flood 2014): one to one, so that keys stay different.
kv::chunk_key key_of(std::uint64_t owner, std::uint64_t piece) {
  auto mix = [](std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
  };
  return {owner, mix(owner * 0x9e3779b97f4a7c15U + piece)};
}

std::unique_ptr<trace> parse_trace(std::string_view text, const std::string& name) {
  for (const auto& k : kinds) {
    if (!k.looks_like(text)) continue;
    auto result = k.parse(text, name);
    if (result->requests().empty()) throw std::runtime_error(name + ": has no request");
    return result;
  }
  throw std::runtime_error(name +
                           ": is no trace that is known: JSON lines as Mooncake's, or a table that begins with "
                           "user_id time_stamp query_length response_length round_index; both may be gzipped");
}

std::unique_ptr<trace> read_trace(const std::filesystem::path& file) {
  return parse_trace(read_text(file), file.string());
}

}  // namespace chromatin::sim

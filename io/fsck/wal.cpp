#include "io/fsck/wal.hpp"

#include <array>
#include <cstdint>
#include <fstream>
#include <span>
#include <vector>

#include <fmt/format.h>

namespace chromatin::io::fsck {
namespace {

// https://www.sqlite.org/fileformat2.html#walformat
constexpr std::size_t head_bytes = 32, frame_head_bytes = 24;
constexpr std::uint32_t magic = 0x377f0682;  // the lowest bit: checksums are over big-endian words
constexpr std::uint32_t page_min = 512, page_max = 65536;

using bytes = std::span<const std::uint8_t>;
using sum = std::array<std::uint32_t, 2>;

std::uint32_t big(bytes at) {
  return std::uint32_t{at[0]} << 24 | std::uint32_t{at[1]} << 16 | std::uint32_t{at[2]} << 8 | at[3];
}

void add(sum& to, bytes data, bool big_endian) {
  for (std::size_t i = 0; i + 8 <= data.size(); i += 8) {
    auto word = [&](std::size_t at) {
      return big_endian ? big(data.subspan(at)) : __builtin_bswap32(big(data.subspan(at)));
    };
    to[0] += word(i) + to[1];
    to[1] += word(i + 4) + to[0];
  }
}

sum stored_at(bytes at) { return {big(at), big(at.subspan(4))}; }

}  // namespace

std::string damage_in_log(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  std::vector<std::uint8_t> head(head_bytes);
  auto read = [&](std::vector<std::uint8_t>& into) {
    return static_cast<bool>(in.read(reinterpret_cast<char*>(into.data()), static_cast<std::streamsize>(into.size())));
  };
  if (!in || !read(head)) return {};
  bytes h{head};
  bool big_endian = (big(h) & 1) != 0;
  auto page = big(h.subspan(8));
  sum now{};
  add(now, h.first(24), big_endian);
  if ((big(h) & ~1u) != magic || page < page_min || page > page_max || now != stored_at(h.subspan(24)))
    return "the head of the log is not what was written: all that stood in it is lost";
  std::vector<std::uint8_t> frame(frame_head_bytes + page);
  std::uint64_t number = 0, broken = 0;
  while (read(frame)) {
    ++number;
    bytes f{frame};
    bool of_this_log = stored_at(f.subspan(8)) == stored_at(h.subspan(16));  // else it may be an older log's
    add(now, f.first(8), big_endian);
    add(now, f.subspan(frame_head_bytes), big_endian);
    bool good = of_this_log && now == stored_at(f.subspan(16));
    if (!good && broken == 0) broken = number;
    if (broken != 0 && of_this_log)
      return fmt::format(
          "frame {} of the log is not what was written: what was stored from there on is lost, unless it is a commit "
          "that a power cut interrupted",
          broken);
  }
  return {};
}

}  // namespace chromatin::io::fsck

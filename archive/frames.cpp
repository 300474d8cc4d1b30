#include "archive/frames.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>

#include "dna/blocks/numbers.hpp"
#include "kv/check.hpp"

namespace chromatin::archive {
namespace {

/// The last byte is the format.
constexpr std::array<std::uint8_t, 8> head{'D', 'N', 'A', 't', 'a', 'l', 'k', 1};
constexpr std::size_t length_bytes = 4, checksum_bytes = 8;

/// Of a frame as the number-th: one in another's place is damage.
std::uint64_t checksum_of(std::uint64_t number, std::span<const std::uint8_t> frame) {
  return kv::hash(std::as_bytes(frame), {0, number}).low;
}

/// Takes the first frame off; false where it is not what was written.
bool take_frame(std::span<const std::uint8_t>& rest, frame_list& into) {
  const auto number = static_cast<std::uint32_t>(into.frames.size()) + 1;
  const auto fail = [&](std::string reason) {
    into.damage = frame_damage{number, std::move(reason)};
    return false;
  };
  constexpr auto before = length_bytes + checksum_bytes;
  if (rest.size() < before) return fail("the file ends inside it");
  const auto length = dna::get_fixed(rest.first(length_bytes));
  const auto checksum = dna::get_fixed(rest.subspan(length_bytes, checksum_bytes));
  if (length > rest.size() - before) return fail("its length goes beyond the file's end");
  const auto frame = rest.subspan(before, length);
  if (checksum_of(number, frame) != checksum) return fail("its checksum is not that of its bytes");
  into.frames.push_back(frame);
  rest = rest.subspan(before + length);
  return true;
}

}  // namespace

std::string to_string(const frame_damage& damage, std::string_view file) {
  if (damage.frame == 0) return fmt::format("the {}'s head is damaged: {}", file, damage.reason);
  return fmt::format("frame {} of the {} is damaged: {}", damage.frame, file, damage.reason);
}

byte_string empty_frame_file() { return {head.begin(), head.end()}; }

void append_frame(byte_string& file, std::uint32_t number, std::span<const std::uint8_t> frame) {
  CHROMATIN_CHECK(frame.size() <= std::numeric_limits<std::uint32_t>::max(), "a frame's length has four bytes");
  dna::put_fixed(file, frame.size(), length_bytes);
  dna::put_fixed(file, checksum_of(number, frame), checksum_bytes);
  file.insert(file.end(), frame.begin(), frame.end());
}

frame_list split_frames(std::span<const std::uint8_t> file) {
  frame_list list;
  if (file.size() < head.size() || !std::equal(head.begin(), head.end(), file.begin())) {
    const bool other = file.size() >= head.size() && std::equal(head.begin(), head.end() - 1, file.begin());
    list.damage = frame_damage{
        0, other ? fmt::format("its format is {}, this chromatin knows {}", file[head.size() - 1], head.back())
                 : std::string{"it is none"}};
    return list;
  }
  auto rest = file.subspan(head.size());
  while (!rest.empty() && take_frame(rest, list)) {
  }
  return list;
}

}  // namespace chromatin::archive

#include "archive/fields.hpp"

#include <limits>

#include "kv/check.hpp"

namespace chromatin::archive {
namespace {

constexpr unsigned number_bits = 63, bits_a_byte = 7;

}  // namespace

void field_writer::number(std::uint64_t value) {
  CHROMATIN_CHECK(value >> number_bits == 0, "a number in a frame has at most 63 bits");
  for (; value >= 0x80; value >>= bits_a_byte) bytes.push_back(static_cast<std::uint8_t>(value | 0x80));
  bytes.push_back(static_cast<std::uint8_t>(value));
}

void field_writer::text(std::string_view value) {
  number(value.size());
  bytes.insert(bytes.end(), value.begin(), value.end());
}

void field_writer::word(std::uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8) bytes.push_back(static_cast<std::uint8_t>(value >> shift));
}

void field_writer::hash(kv::hash128 value) {
  word(value.high);
  word(value.low);
}

void field_writer::tokens(std::span<const kv::token_id> all) {
  number(all.size());
  for (auto token : all) number(token);
}

std::span<const std::uint8_t> field_reader::take(std::size_t count) {
  if (count > rest_.size()) throw frame_error{"it ends too early"};
  auto taken = rest_.first(count);
  rest_ = rest_.subspan(count);
  return taken;
}

std::uint64_t field_reader::number() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < number_bits; shift += bits_a_byte) {
    auto byte = take(1)[0];
    value |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return value;
  }
  throw frame_error{"it has a number of more than 63 bits"};
}

std::uint32_t field_reader::small() {
  auto value = number();
  if (value > std::numeric_limits<std::uint32_t>::max()) throw frame_error{"it has a number of more than 32 bits"};
  return static_cast<std::uint32_t>(value);
}

std::size_t field_reader::count(std::size_t item_bytes_min) {
  auto value = number();
  if (value > rest_.size() / item_bytes_min) throw frame_error{"it has a list that is longer than itself"};
  return value;
}

std::string field_reader::text() {
  auto taken = take(count(1));
  return {taken.begin(), taken.end()};
}

std::uint64_t field_reader::word() {
  std::uint64_t value = 0;
  int shift = 0;
  for (auto byte : take(8)) value |= std::uint64_t{byte} << shift, shift += 8;
  return value;
}

kv::hash128 field_reader::hash() {
  auto high = word();
  return {high, word()};
}

std::vector<kv::token_id> field_reader::tokens() {
  std::vector<kv::token_id> all(count(1));
  for (auto& token : all) token = small();
  return all;
}

void field_reader::end() const {
  if (!rest_.empty()) throw frame_error{"there is something behind its end"};
}

}  // namespace chromatin::archive

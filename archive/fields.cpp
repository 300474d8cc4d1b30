#include "archive/fields.hpp"

#include <limits>

#include "dna/blocks/numbers.hpp"
#include "kv/check.hpp"

namespace chromatin::archive {
namespace {

constexpr unsigned number_bits = 63;

}  // namespace

void field_writer::number(std::uint64_t value) {
  CHROMATIN_CHECK(value >> number_bits == 0, "a number in a frame has at most 63 bits");
  dna::put_number(bytes, value);
}

void field_writer::text(std::string_view value) {
  number(value.size());
  bytes.insert(bytes.end(), value.begin(), value.end());
}

void field_writer::hash(kv::hash128 value) {
  for (auto word : {value.high, value.low}) dna::put_fixed(bytes, word, sizeof word);
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
  switch (dna::take_number(rest_, value)) {
    case dna::number_reading::taken:
      break;
    case dna::number_reading::cut_short:
      throw frame_error{"it ends too early"};
    case dna::number_reading::too_large:
      throw frame_error{"it has a number of more than 63 bits"};
  }
  return value;
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

kv::hash128 field_reader::hash() {
  constexpr auto word_bytes = sizeof(std::uint64_t);
  const auto both = take(2 * word_bytes);
  return {dna::get_fixed(both.first(word_bytes)), dna::get_fixed(both.last(word_bytes))};
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

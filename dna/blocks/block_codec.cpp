#include "dna/blocks/block_codec.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>
#include <xxhash.h>

#include "dna/blocks/checksum.hpp"
#include "dna/blocks/reed_solomon.hpp"
#include "dna/blocks/scramble.hpp"
#include "dna/geometry/sequence.hpp"

namespace chromatin::dna {
namespace {

/// Stored bytes: scramble number (2), kind and length (2), checksum (4), content, zeros. Little-endian.
constexpr std::size_t tag_at = 2, checksum_at = 4;

std::uint32_t load(std::span<const std::uint8_t> bytes, std::size_t at, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value |= std::uint32_t{bytes[at + i]} << 8 * i;
  return value;
}

void save(std::span<std::uint8_t> bytes, std::size_t at, std::size_t count, std::uint32_t value) {
  for (std::size_t i = 0; i < count; ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> 8 * i);
}

/// Over kind and length, content and padding; leaf, version and partition are in the seed.
std::uint32_t block_checksum(std::span<const std::uint8_t> stored, const block_id& id, std::uint64_t seed) {
  const std::uint64_t place[3]{seed, id.leaf, id.version};
  return checksum(stored.subspan(profile::header_bytes), XXH3_64bits(place, sizeof place) ^ load(stored, tag_at, 2));
}

}  // namespace

struct block_codec::parts {
  explicit parts(const strand_layout& layout)
      : code{layout.geometry().data_molecules, layout.geometry().parity_molecules}, scramble{layout, code} {}
  reed_solomon code;
  scrambler scramble;
};

molecule_symbols symbols_of(std::string_view payload, std::uint32_t symbols) {
  molecule_symbols found(symbols, erased);
  for (std::size_t i = 0; i < symbols && 2 * i + 1 < payload.size(); ++i) {
    const int first = base_index(payload[2 * i]), second = base_index(payload[2 * i + 1]);
    if (first >= 0 && second >= 0) found[i] = static_cast<std::uint8_t>(first << 2 | second);
  }
  return found;
}

block_codec::block_codec(const strand_layout& layout)
    : layout_{layout}, parts_{std::make_unique<const parts>(layout)} {}
block_codec::~block_codec() = default;

void block_codec::encode(const block& from, std::span<std::uint8_t> payloads) const {
  const auto& g = geometry();
  const auto most = from.kind == block_kind::parity ? g.stored_bytes() : g.block_bytes();
  if (from.content.size() > most)
    throw std::invalid_argument{fmt::format("{} bytes do not fit a block of {}", from.content.size(), most)};
  if (from.id.leaf >= g.leaves() || from.id.version >= g.versions())
    throw std::invalid_argument{fmt::format("no version {} at leaf {}", from.id.version, from.id.leaf)};
  if (payloads.size() != std::size_t{g.molecules()} * g.payload_bytes())
    throw std::invalid_argument{"no room for just the payloads of a block"};
  std::fill(payloads.begin(), payloads.end(), std::uint8_t{0});
  const auto stored = payloads.first(std::size_t{g.data_molecules} * g.payload_bytes());
  std::copy(from.content.begin(), from.content.end(), stored.begin() + profile::header_bytes);
  save(stored, tag_at, 2,
       static_cast<std::uint32_t>(from.kind) << length_bits | static_cast<std::uint32_t>(from.content.size()));
  save(stored, checksum_at, 4, block_checksum(stored, from.id, layout_.partition().seed));
  parts_->scramble.apply_key(from.id, stored);
  parts_->code.add_parity(payloads, g.payload_bytes());
  if (!parts_->scramble.choose_number(from.id, payloads))
    throw std::runtime_error{
        fmt::format("{}: no scramble keeps within the limits of profile {}", text_of(from.id), g.name)};
}

std::vector<std::string> block_codec::encode(const block& from) const {
  const auto& g = geometry();
  std::vector<std::uint8_t> payloads(std::size_t{g.molecules()} * g.payload_bytes());
  encode(from, payloads);
  std::string all(std::size_t{g.molecules()} * g.strand_nt(), '\0');
  layout_.assemble_block(from.id.leaf, from.id.version, payloads, all);
  std::vector<std::string> strands;
  for (std::size_t at = 0; at < all.size(); at += g.strand_nt()) strands.push_back(all.substr(at, g.strand_nt()));
  return strands;
}

/// One way to read a block: some molecules left out.
struct block_codec::attempt {
  explicit attempt(const profile& g)
      : stored(std::size_t{g.data_molecules} * g.payload_bytes()), codeword(g.molecules()) {}
  std::vector<std::uint8_t> stored;
  std::uint32_t corrected = 0;
  std::vector<std::uint8_t> codeword;  ///< the last one
  std::vector<std::uint32_t> erasures;
  std::uint32_t hardest = 0;  ///< the codeword that told last that it cannot be this way
};

/// One codeword. False where it has more errors and erasures than there is parity for.
bool block_codec::correct(std::span<const molecule_symbols> molecules, std::uint32_t left_out, std::uint32_t c,
                          attempt& into) const {
  const auto& g = geometry();
  into.erasures.clear();
  for (std::uint32_t m = 0; m < g.molecules(); ++m) {
    const bool read = !molecules[m].empty() && !(left_out >> m & 1);
    into.codeword[m] = read ? molecules[m].at(c) : erased;
    if (into.codeword[m] > 15) into.codeword[m] = 0, into.erasures.push_back(m);
  }
  const auto changed = parts_->code.correct(into.codeword, into.erasures);
  if (!changed) return false;
  into.corrected += *changed;
  const auto shift = c % 2 == 0 ? 4 : 0;
  for (std::uint32_t m = 0; m < g.data_molecules; ++m) {
    auto& byte = into.stored[m * g.payload_bytes() + c / 2];
    byte = static_cast<std::uint8_t>((byte & 0xf0 >> shift) | into.codeword[m] << shift);
  }
  return true;
}

/// All codewords. Most sets of molecules are the wrong ones, and the codeword that told so last time tells it soonest.
bool block_codec::correct_without(std::span<const molecule_symbols> molecules, std::uint32_t left_out,
                                  attempt& into) const {
  into.corrected = 0;
  const auto count = geometry().symbols(), first = into.hardest;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto c = (first + i) % count;
    if (correct(molecules, left_out, c, into)) continue;
    into.hardest = c;
    return false;
  }
  return true;
}

std::vector<block_codec::codeword_reading> block_codec::read_codewords(
    std::span<const molecule_symbols> molecules) const {
  const auto& g = geometry();
  std::vector<codeword_reading> readings(g.symbols());
  std::vector<std::uint32_t> erasures;
  for (std::uint32_t c = 0; c < g.symbols(); ++c) {
    auto& symbols = readings[c].symbols;
    symbols.assign(g.molecules(), 0);
    erasures.clear();
    for (std::uint32_t m = 0; m < g.molecules(); ++m)
      if (molecules[m].empty() || molecules[m].at(c) > 15)
        erasures.push_back(m);
      else
        symbols[m] = molecules[m][c];
    if (!parts_->code.correct(symbols, erasures)) continue;
    int errors = 0;
    for (std::uint32_t m = 0; m < g.molecules(); ++m)
      errors += !molecules[m].empty() && molecules[m][c] <= 15 && molecules[m][c] != symbols[m];
    readings[c].spare = static_cast<int>(g.parity_molecules) - static_cast<int>(erasures.size()) - 2 * errors;
  }
  return readings;
}

std::optional<block> block_codec::accept(const block_id& id, std::vector<std::uint8_t> stored) const {
  parts_->scramble.apply_key(id, stored);
  parts_->scramble.apply_number(static_cast<std::uint16_t>(load(stored, 0, 2)), stored);
  const auto tag = load(stored, tag_at, 2);
  const auto length = tag & ((1U << length_bits) - 1), kind = tag >> length_bits;
  if (length > geometry().stored_bytes() || kind > static_cast<std::uint32_t>(block_kind::directory) ||
      load(stored, checksum_at, 4) != block_checksum(stored, id, layout_.partition().seed))
    return {};
  const auto content = std::span{stored}.subspan(profile::header_bytes, length);
  return block{id, static_cast<block_kind>(kind), {content.begin(), content.end()}};
}

block_decoding block_codec::decode(const block_id& id, std::span<const molecule_symbols> molecules) const {
  const auto& g = geometry();
  if (molecules.size() != g.molecules()) throw std::invalid_argument{"not all molecules of a block"};
  block_decoding result;
  for (const auto& molecule : molecules) result.molecules_missing += molecule.empty();
  attempt way{g};
  std::vector<std::uint32_t> errors(g.molecules());  // symbols corrected
  for (std::uint32_t c = 0; c < g.symbols(); ++c) {
    const bool corrected = correct(molecules, 0, c, way);
    result.codewords_failed += !corrected;
    for (std::uint32_t m = 0; corrected && m < g.molecules(); ++m)
      errors[m] += !molecules[m].empty() && molecules[m][c] <= 15 && molecules[m][c] != way.codeword[m];
  }
  result.symbols_corrected = way.corrected;
  if (result.codewords_failed == 0) result.decoded = accept(id, way.stored);
  if (!result.decoded && result.molecules_missing < g.parity_molecules) {
    // Errors keep company: a molecule whose bases are shifted, or of which a foreign read was taken, is wrong nearly
    // everywhere. Leaving it out costs half as much as correcting it.
    for (const auto left_out : suspects(molecules, errors, g.parity_molecules - result.molecules_missing)) {
      if (!correct_without(molecules, left_out, way)) continue;
      result.decoded = accept(id, way.stored);
      if (!result.decoded) continue;
      result.symbols_corrected = way.corrected;
      result.codewords_failed = 0;
      break;
    }
  }
  if (!result.decoded) result.reason = reason_of(id, result);
  return result;
}

known_bytes block_codec::nothing_known() const {
  const auto size = profile::header_bytes + geometry().stored_bytes();
  return {byte_string(size), std::vector<bool>(size)};
}

/// The stored bytes of a part, scramble and all.
known_bytes block_codec::read_of(const partial_block& part) const {
  const auto& g = geometry();
  auto made = nothing_known();
  for (std::size_t at = 0; at < made.bytes.size(); ++at) {
    const auto& row = part.molecules.at(at / g.payload_bytes());
    if (row.empty()) continue;
    const auto c = 2 * (at % g.payload_bytes());
    made.known[at] = row.at(c) <= 15 && row.at(c + 1) <= 15;
    if (made.known[at]) made.bytes[at] = static_cast<std::uint8_t>(row[c] << 4 | row[c + 1]);
  }
  return made;
}

known_bytes block_codec::reveal(const partial_block& part, std::optional<std::uint16_t> number) const {
  auto made = read_of(part);
  parts_->scramble.apply_key(part.id, made.bytes);
  if (!number && made.known[0] && made.known[1]) number = static_cast<std::uint16_t>(load(made.bytes, 0, 2));
  if (!number) return nothing_known();
  parts_->scramble.apply_number(*number, made.bytes);
  made.number = number;
  return made;
}

std::optional<std::uint16_t> block_codec::find_number(const partial_block& part, const known_bytes& told) const {
  auto read = read_of(part);
  parts_->scramble.apply_key(part.id, read.bytes);
  std::vector<std::size_t> at;
  byte_string stream;
  for (std::size_t i = tag_at; i < read.bytes.size(); ++i)
    if (read.known[i] && told.known.at(i)) {
      at.push_back(i);
      stream.push_back(read.bytes[i] ^ told.bytes.at(i));
    }
  return parts_->scramble.find_number(at, stream);
}

std::vector<molecule_symbols> block_codec::hide(const block_id& id, const known_bytes& told) const {
  const auto& g = geometry();
  auto stored = told.bytes;
  stored.at(0) = stored.at(1) = 0;  // the number comes with its stream
  parts_->scramble.apply_number(told.number.value(), stored);
  parts_->scramble.apply_key(id, stored);
  std::vector<molecule_symbols> molecules(g.molecules());
  for (std::uint32_t m = 0; m < g.data_molecules; ++m) molecules[m].assign(g.symbols(), erased);
  for (std::size_t at = 0; at < stored.size(); ++at) {
    if (at >= 2 && !told.known.at(at)) continue;
    auto& row = molecules[at / g.payload_bytes()];
    const auto c = 2 * (at % g.payload_bytes());
    row[c] = stored[at] >> 4, row[c + 1] = stored[at] & 15;
  }
  return molecules;
}

/// Sets of molecules to leave out, the likeliest first: the ones with most errors, together and one by one.
std::vector<std::uint32_t> block_codec::suspects(std::span<const molecule_symbols> molecules,
                                                 std::span<const std::uint32_t> errors, std::uint32_t most) const {
  std::vector<std::uint32_t> order;
  for (std::uint32_t m = 0; m < molecules.size(); ++m)
    if (!molecules[m].empty()) order.push_back(m);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return errors[a] > errors[b]; });
  std::vector<std::uint32_t> sets;
  std::uint32_t together = 0;
  for (std::uint32_t i = 0; i < std::min<std::size_t>(most, order.size()); ++i)
    sets.push_back(together |= 1U << order[i]);
  for (const auto m : order) sets.push_back(1U << m);
  if (most >= 2)
    for (std::size_t i = 0; i < order.size(); ++i)
      for (std::size_t j = i + 1; j < order.size(); ++j) sets.push_back(1U << order[i] | 1U << order[j]);
  return sets;
}

std::string block_codec::reason_of(const block_id& id, const block_decoding& result) const {
  const auto& g = geometry();
  const auto where = text_of(id);
  const auto read = g.molecules() - result.molecules_missing;
  if (result.molecules_missing > g.parity_molecules)
    return fmt::format("{}: {} of {} molecules were not read, {} can be made up for: {} more are needed", where,
                       result.molecules_missing, g.molecules(), g.parity_molecules,
                       result.molecules_missing - g.parity_molecules);
  if (result.codewords_failed > 0)
    return fmt::format(
        "{}: {} of {} codewords have more wrong symbols than {} of {} molecules can correct: more reads are "
        "needed, or one of the missing molecules",
        where, result.codewords_failed, g.symbols(), read, g.molecules());
  return fmt::format(
      "{}: what was corrected out of {} of {} molecules does not match its checksum: more reads are needed", where,
      read, g.molecules());
}

void encode_into(const block_codec& codec, std::span<const block> blocks, std::span<char> strands, unsigned threads) {
  const auto& g = codec.geometry();
  const auto stride = std::size_t{g.strand_nt()} * g.molecules();
  if (strands.size() != blocks.size() * stride)
    throw std::invalid_argument{"no room for just the strands of these blocks"};
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr failure;
  const auto work = [&] {
    std::vector<std::uint8_t> payloads(std::size_t{g.molecules()} * g.payload_bytes());
    try {
      for (std::size_t i; !failed && (i = next++) < blocks.size();) {
        codec.encode(blocks[i], payloads);
        codec.layout().assemble_block(blocks[i].id.leaf, blocks[i].id.version, payloads,
                                      strands.subspan(i * stride, stride));
      }
    } catch (...) {
      if (!failed.exchange(true)) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> others;
    for (unsigned i = 1; i < threads; ++i) others.emplace_back(work);
    work();
  }
  if (failure) std::rethrow_exception(failure);
}

std::string encode_all(const block_codec& codec, std::span<const block> blocks, unsigned threads) {
  std::string strands(blocks.size() * codec.geometry().molecules() * codec.geometry().strand_nt(), '\0');
  encode_into(codec, blocks, strands, threads);
  return strands;
}

}  // namespace chromatin::dna

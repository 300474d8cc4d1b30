#include "dna/blocks/scramble.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "dna/geometry/sequence.hpp"

namespace chromatin::dna {
namespace {

constexpr auto word_bases = payload_limits::word_bases;

/// splitmix64: a stream of 64-bit words.
struct stream {
  std::uint64_t state;
  std::uint64_t next() {
    std::uint64_t z = state += 0x9e3779b97f4a7c15ULL;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
  }
};

void apply(stream from, std::span<std::uint8_t> to) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (i % 8 == 0) word = from.next();
    to[i] ^= static_cast<std::uint8_t>(word >> 8 * (i % 8));
  }
}

/// Bases in the order of the strand, the first highest.
void put_base(std::vector<std::uint64_t>& words, std::size_t at, std::uint64_t base) {
  words[at / word_bases] |= base << 2 * (word_bases - 1 - at % word_bases);
}

/// Calls with a width that is known when this is compiled.
template <typename what>
auto with_width(std::uint32_t width, const what& call) {
  return [&]<std::size_t... i>(std::index_sequence<i...>) {
    decltype(call.template operator()<1>()) result{};
    ((width == i + 1 ? (void)(result = call.template operator()<i + 1>()) : (void)0), ...);
    return result;
  }
  (std::make_index_sequence<payload_limits::width_max>{});
}

}  // namespace

scrambler::scrambler(const strand_layout& layout, const reed_solomon& code)
    : layout_{layout},
      molecules_{layout.geometry().molecules()},
      bytes_{layout.geometry().payload_bytes()},
      width_{bytes_ / 8 + 1},
      limits_{layout.geometry()},
      tail_(width_),
      low_(std::size_t{256} * molecules_ * width_) {
  for (const auto& motif : layout.geometry().avoid) {
    motifs_.push_back(motif);
    motifs_.push_back(reverse_complement(motif));
  }
  const auto nt = layout.geometry().payload_nt;
  std::uint64_t base = 0;
  for (std::uint32_t i = nt; i < width_ * word_bases; ++i) {
    // Behind the strand's end no two bases are the same.
    base =
        i - nt < layout.tail().size() ? static_cast<std::uint64_t>(base_index(layout.tail()[i - nt])) : (base + 1) & 3;
    put_base(tail_, i, base);
  }
  const auto make = [&](std::uint32_t value, std::size_t number_at, std::uint64_t salt) {
    std::vector<std::uint8_t> codeword(std::size_t{molecules_} * bytes_);
    const auto stored = std::span{codeword}.first(std::size_t{code.data()} * bytes_);
    apply({layout.partition().seed ^ (salt + value)}, stored);
    stored[0] = stored[1] = 0;
    stored[number_at] = static_cast<std::uint8_t>(value);
    code.add_parity(codeword, bytes_);
    return codeword;
  };
  const auto stored_bytes = static_cast<std::ptrdiff_t>(code.data() * bytes_);
  for (std::uint32_t value = 0; value < 256; ++value) {
    const auto high = make(value, 1, 0x1'0000'0000ULL), low = make(value, 0, 0x2'0000'0000ULL);
    high_bytes_.emplace_back(high.begin(), high.begin() + stored_bytes);
    low_bytes_.emplace_back(low.begin(), low.begin() + stored_bytes);
    const auto packed_high = pack(high), packed_low = pack(low);
    high_.insert(high_.end(), packed_high.begin(), packed_high.end());
    for (std::uint32_t m = 0; m < molecules_; ++m)
      std::copy_n(&packed_low[m * width_], width_, &low_[(m * 256 + value) * width_]);
  }
  if (chance() * 65536 < 30)
    throw profile_error{
        fmt::format("profile {}: one block in {:.0f} keeps within gc {} to {} and homopolymers of {}: widen them or "
                    "shorten the payload",
                    layout.geometry().name, 1 / chance(), layout.geometry().gc_min, layout.geometry().gc_max,
                    layout.geometry().homopolymer_max)};
}

/// Of random payloads being within the limits, all molecules of a block.
double scrambler::chance() const {
  constexpr std::uint64_t no_run = 0x1b;  // ACGT
  std::uint32_t good = 1, all = 1;
  words trial(width_);
  for (std::size_t at = 0; at < high_.size(); at += width_, ++all) {
    for (std::uint32_t i = 0; i < width_; ++i) trial[i] = high_[at + i] | tail_[i];
    good += with_width(width_, [&]<std::size_t width>() { return limits_.hold<width>(trial.data(), no_run); });
  }
  return std::pow(static_cast<double>(good) / all, molecules_);
}

scrambler::words scrambler::pack(std::span<const std::uint8_t> molecules) const {
  words packed(std::size_t{molecules_} * width_);
  for (std::uint32_t m = 0; m < molecules_; ++m)
    for (std::uint32_t i = 0; i < bytes_; ++i)
      packed[m * width_ + i / 8] |= std::uint64_t{molecules[m * bytes_ + i]} << (56 - 8 * (i % 8));
  return packed;
}

scrambler::words scrambler::bases_before(const block_id& id) const {
  const auto shared = layout_.block_index(id.leaf, id.version);
  std::uint64_t front = 0;
  for (const char base : std::string_view{shared}.substr(shared.size() - std::min<std::size_t>(2, shared.size())))
    front = front << 2 | static_cast<std::uint64_t>(base_index(base));
  words before;
  for (std::uint32_t m = 0; m < molecules_; ++m) before.push_back(front << 4 | molecule_pair(m, shared.back()));
  return before;
}

void scrambler::apply_key(const block_id& id, std::span<std::uint8_t> stored) const {
  stream key{layout_.partition().seed ^ (std::uint64_t{id.leaf} << 8 | id.version)};
  apply({key.next() ^ key.next()}, stored);
}

void scrambler::apply_number(std::uint16_t number, std::span<std::uint8_t> stored) const {
  const auto& high = high_bytes_[number >> 8];
  const auto& low = low_bytes_[number & 255];
  for (std::size_t i = 0; i < stored.size(); ++i) stored[i] ^= high[i] ^ low[i];
}

/// Every byte votes for the numbers that agree with it: with one high byte, that is about one low byte.
std::optional<std::uint16_t> scrambler::find_number(std::span<const std::size_t> at,
                                                    std::span<const std::uint8_t> stream) const {
  constexpr std::size_t agreeing_min = 8;
  auto wanted = std::max(agreeing_min, (at.size() + 1) / 2);
  if (at.size() < wanted) return {};
  // Of each byte the low bytes that give a value, as a chain.
  constexpr std::uint16_t none = 256;
  std::vector<std::uint16_t> first(256 * at.size(), none), next(256 * at.size());
  for (std::size_t i = 0; i < at.size(); ++i)
    for (std::uint16_t low = 0; low < 256; ++low) {
      auto& head = first[256 * i + low_bytes_[low][at[i]]];
      next[256 * i + low] = std::exchange(head, low);
    }
  std::optional<std::uint16_t> found;
  for (std::size_t high = 0; high < 256; ++high) {
    std::array<std::uint16_t, 256> votes{};
    for (std::size_t i = 0; i < at.size(); ++i)
      for (auto low = first[256 * i + (stream[i] ^ high_bytes_[high][at[i]])]; low != none; low = next[256 * i + low])
        if (++votes[low] >= wanted) {
          found = static_cast<std::uint16_t>(high << 8 | low);
          wanted = votes[low] + std::size_t{1};
        }
  }
  return found;
}

bool scrambler::choose_number(const block_id& id, std::span<std::uint8_t> molecules) const {
  return with_width(width_, [&]<std::size_t width>() { return search<width>(id, molecules); });
}

/// Numbers are tried in batches: those that suit the first molecule go on to the second, and so on. No branch has to be
/// guessed, and the tables are read in order.
template <std::size_t width>
bool scrambler::search(const block_id& id, std::span<std::uint8_t> molecules) const {
  constexpr std::uint32_t batch = 64;
  const auto before = bases_before(id);
  auto plain = pack(molecules);
  for (std::uint32_t m = 0; m < molecules_; ++m)
    for (std::size_t i = 0; i < width; ++i) plain[m * width + i] |= tail_[i];
  words half(plain.size());
  std::vector<std::uint8_t> made(molecules.size());
  std::array<std::uint8_t, batch> left{};
  for (std::uint32_t number = 0; number < 65536; number += batch) {
    const auto* high = &high_[(number >> 8) * plain.size()];
    if (number % 256 == 0)
      for (std::size_t i = 0; i < half.size(); ++i) half[i] = plain[i] ^ high[i];
    std::uint32_t count = batch;
    for (std::uint32_t i = 0; i < batch; ++i) left[i] = static_cast<std::uint8_t>(number + i);
    for (std::uint32_t m = 0; m < molecules_ && count > 0; ++m) {
      std::uint32_t kept = 0;
      for (std::uint32_t i = 0; i < count; ++i) {
        const auto* low = &low_[(m * 256 + left[i]) * width];
        std::array<std::uint64_t, width> trial;
        for (std::size_t j = 0; j < width; ++j) trial[j] = half[m * width + j] ^ low[j];
        left[kept] = left[i];
        kept += limits_.hold<width>(trial.data(), before[m]);
      }
      count = kept;
    }
    for (std::uint32_t k = 0; k < count; ++k) {
      for (std::uint32_t m = 0; m < molecules_; ++m) {
        const auto* low = &low_[(m * 256 + left[k]) * width];
        for (std::uint32_t i = 0; i < bytes_; ++i)
          made[m * bytes_ + i] =
              static_cast<std::uint8_t>((half[m * width + i / 8] ^ low[i / 8]) >> (56 - 8 * (i % 8)));
      }
      if (!motifs_.empty() && has_motif(id, made)) continue;
      std::copy(made.begin(), made.end(), molecules.begin());
      return true;
    }
  }
  return false;
}

bool scrambler::has_motif(const block_id& id, std::span<const std::uint8_t> molecules) const {
  std::string strands(std::size_t{molecules_} * layout_.geometry().strand_nt(), '\0');
  layout_.assemble_block(id.leaf, id.version, molecules, strands);
  const auto strand_nt = layout_.geometry().strand_nt();
  for (std::uint32_t m = 0; m < molecules_; ++m) {
    const auto strand = std::string_view{strands}.substr(m * strand_nt, strand_nt);
    for (const auto& motif : motifs_)
      if (strand.find(motif) != strand.npos) return true;
  }
  return false;
}

}  // namespace chromatin::dna

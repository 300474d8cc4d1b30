#include "dna/scramble.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include <fmt/format.h>

#include "dna/sequence.hpp"

namespace chromatin::dna {
namespace {

constexpr std::uint64_t low_bits = 0x5555555555555555ULL;
constexpr std::uint32_t word_bases = 32;

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

}  // namespace

scrambler::scrambler(const strand_layout& layout, const reed_solomon& code)
    : layout_{layout},
      molecules_{layout.geometry().molecules()},
      bytes_{layout.geometry().payload_bytes()},
      width_{bytes_ / 8 + 1},
      run_max_{layout.geometry().homopolymer_max},
      gc_least_{static_cast<std::uint32_t>(std::ceil(layout.geometry().gc_min * layout.geometry().payload_nt))},
      gc_most_{static_cast<std::uint32_t>(std::floor(layout.geometry().gc_max * layout.geometry().payload_nt))},
      tail_(width_),
      payload_mask_(width_) {
  const auto nt = layout.geometry().payload_nt;
  for (std::uint32_t i = 0; i < nt; ++i) put_base(payload_mask_, i, 1);
  std::uint64_t base = 0;
  for (std::uint32_t i = nt; i < width_ * word_bases; ++i) {
    // Behind the strand's end no two bases are the same.
    base =
        i - nt < layout.tail().size() ? static_cast<std::uint64_t>(base_index(layout.tail()[i - nt])) : (base + 1) & 3;
    put_base(tail_, i, base);
  }
  const auto make = [&](std::size_t number_at, std::uint64_t salt, auto& bytes, auto& packed) {
    for (std::uint32_t value = 0; value < 256; ++value) {
      std::vector<std::uint8_t> codeword(std::size_t{molecules_} * bytes_);
      const auto stored = std::span{codeword}.first(std::size_t{code.data()} * bytes_);
      apply({layout.partition().seed ^ (salt + value)}, stored);
      stored[0] = stored[1] = 0;
      stored[number_at] = static_cast<std::uint8_t>(value);
      code.add_parity(codeword, bytes_);
      packed.push_back(pack(codeword));
      bytes.emplace_back(stored.begin(), stored.end());
    }
  };
  make(1, 0x1'0000'0000ULL, high_bytes_, high_);
  make(0, 0x2'0000'0000ULL, low_bytes_, low_);
  if (chance() * 65536 < 30)
    throw profile_error{fmt::format(
        "profile {}: one block in {:.0f} keeps within gc {} to {} and homopolymers of {}: widen them or shorten the "
        "payload",
        layout.geometry().name, 1 / chance(), layout.geometry().gc_min, layout.geometry().gc_max, run_max_)};
}

/// Of random payloads being within the limits, all molecules of a block.
double scrambler::chance() const {
  constexpr std::uint64_t no_run = 0x1b;  // ACGT
  std::uint32_t good = 1, all = 1;
  words trial(width_);
  for (const auto& codeword : high_)
    for (std::uint32_t m = 0; m < molecules_; ++m, ++all) {
      for (std::uint32_t i = 0; i < width_; ++i) trial[i] = codeword[m * width_ + i] | tail_[i];
      good += within_limits(trial.data(), no_run);
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

/// `before`: the bases in front of the payload, the last lowest.
bool scrambler::within_limits(const std::uint64_t* molecule, std::uint64_t before) const {
  std::uint32_t strong = 0;
  std::uint64_t previous = before, previous_equal = 0;
  {
    const std::uint64_t differ = before ^ before >> 2;
    // Of what stands before, only the last four bases are known; the index holds no run longer than three.
    previous_equal = ~(differ | differ >> 1) & 0x15;
  }
  for (std::uint32_t i = 0; i < width_; ++i) {
    const std::uint64_t word = molecule[i];
    const std::uint64_t differ = word ^ (word >> 2 | previous << 62);
    const std::uint64_t equal = ~(differ | differ >> 1) & low_bits;
    std::uint64_t run = equal;
    for (std::uint32_t step = 1; step < run_max_; ++step) run &= equal >> 2 * step | previous_equal << (64 - 2 * step);
    if (run != 0) return false;
    strong += static_cast<std::uint32_t>(std::popcount((word ^ word >> 1) & payload_mask_[i]));
    previous = word;
    previous_equal = equal;
  }
  return strong >= gc_least_ && strong <= gc_most_;
}

scrambler::words scrambler::bases_before(const block_id& id) const {
  words before(molecules_);
  for (std::uint32_t m = 0; m < molecules_; ++m) {
    const auto index = layout_.index_bases({id.leaf, id.version, m});
    for (const char base : std::string_view{index}.substr(index.size() - std::min<std::size_t>(4, index.size())))
      before[m] = before[m] << 2 | static_cast<std::uint64_t>(base_index(base));
  }
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

bool scrambler::choose_number(const block_id& id, std::span<std::uint8_t> molecules) const {
  const auto before = bases_before(id);
  auto plain = pack(molecules);
  for (std::uint32_t m = 0; m < molecules_; ++m)
    for (std::uint32_t i = 0; i < width_; ++i) plain[m * width_ + i] |= tail_[i];
  words half(plain.size()), trial(width_);
  for (const auto& high : high_) {
    for (std::size_t i = 0; i < half.size(); ++i) half[i] = plain[i] ^ high[i];
    for (const auto& low : low_) {
      bool good = true;
      for (std::uint32_t m = 0; good && m < molecules_; ++m) {
        for (std::uint32_t i = 0; i < width_; ++i) trial[i] = half[m * width_ + i] ^ low[m * width_ + i];
        good = within_limits(trial.data(), before[m]);
      }
      if (!good) continue;
      for (std::uint32_t m = 0; m < molecules_; ++m)
        for (std::uint32_t i = 0; i < bytes_; ++i)
          molecules[m * bytes_ + i] =
              static_cast<std::uint8_t>((half[m * width_ + i / 8] ^ low[m * width_ + i / 8]) >> (56 - 8 * (i % 8)));
      return true;
    }
  }
  return false;
}

}  // namespace chromatin::dna

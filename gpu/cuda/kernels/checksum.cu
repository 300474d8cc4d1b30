/// Checksums: XXH3-64 (xxHash 0.8, default secret, seed 0) of pieces of 4 KiB, as kv::checksum() takes them.
///
/// A block of threads makes 8 pieces of one view, and is over soon: products that need a whole multiprocessor wait for
/// blocks of other streams there. Sixteen lanes share a piece, four of them a kilobyte: lane j of these keeps
/// accumulators 2j and 2j + 1, hence the 16 bytes from 16j on of every stripe of 64, which no other lane needs. A
/// stripe takes the secret's words from its number in the kilobyte on. What a kilobyte adds does not depend on what was
/// there before, so that each is summed for itself; between two of them the accumulators are scrambled.
///
/// Address and bounds: a piece beyond the view is not read and its sum not written (its lanes do take part in the
/// shuffles). Of a kilobyte, stripe s < 16 and lane j < 4 read 16 bytes from 64s + 16j <= 1008 on. Words of the secret:
/// n + 2j + 1 <= 22 of 24 in a stripe; the scramble has 16 + 2j + 1 <= 23; the unaligned ones read words o / 8 and
/// o / 8 + 1 <= 23 for o <= 121 + 48 + 8.

#include "gpu/cuda/kernels/launchers.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {
namespace {

constexpr std::uint32_t piece_bytes = 4096, kilobyte_bytes = 1024, kilobytes = piece_bytes / kilobyte_bytes;
constexpr std::uint32_t stripe_bytes = 64, stripes = kilobyte_bytes / stripe_bytes;
constexpr std::uint32_t threads = 128, lanes_per_kilobyte = 4, lanes_per_piece = kilobytes * lanes_per_kilobyte;
constexpr std::uint32_t pieces_per_block = threads / lanes_per_piece;
constexpr std::uint32_t secret_words = 24;

/// Those of one launch come with it: a copy of their own would wait behind all that the link brings.
constexpr std::uint32_t views_max = 64;
struct view_list {
  checksum_view of[views_max];
};

/// XXH3's, in words.
struct secret {
  std::uint64_t words[secret_words];
};
constexpr secret default_secret = {{0xbe4ba423396cfeb8, 0x1cad21f72c81017c, 0xdb979083e96dd4de, 0x1f67b3b7a4a44072,
                                    0x78e5c0cc4ee679cb, 0x2172ffcc7dd05a82, 0x8e2443f7744608b8, 0x4c263a81e69035e0,
                                    0xcb00c391bb52283c, 0xa32e531b8b65d088, 0x4ef90da297486471, 0xd8acdea946ef1938,
                                    0x3f349ce33f76faa8, 0x1d4f0bc7c7bbdcf9, 0x3159b4cd4be0518a, 0x647378d9c97e9fc8,
                                    0xc3ebd33483acc5ea, 0xeb6313faffa081c5, 0x49daf0b751dd0d17, 0x9e68d429265516d3,
                                    0xfca1477d58be162b, 0xce31d07ad1b8f88f, 0x280416958f3acb45, 0x7e404bbbcafbd7af}};

constexpr std::uint64_t prime32_1 = 0x9e3779b1, prime32_2 = 0x85ebca77, prime32_3 = 0xc2b2ae3d;
constexpr std::uint64_t prime64_1 = 0x9e3779b185ebca87, prime64_2 = 0xc2b2ae3d27d4eb4f, prime64_3 = 0x165667b19e3779f9,
                        prime64_4 = 0x85ebca77c2b2ae63, prime64_5 = 0x27d4eb2f165667c5;

/// Two accumulators of the eight, and how the others begin.
struct accumulators {
  std::uint64_t even, odd;
};
DEVICE accumulators initial(std::uint32_t j) {
  if (j == 0) return {prime32_3, prime64_1};
  if (j == 1) return {prime64_2, prime64_3};
  if (j == 2) return {prime64_4, prime32_2};
  return {prime64_5, prime32_1};
}

/// The secret's eight bytes from `offset` on, which is not a multiple of 8.
DEVICE std::uint64_t secret_at(const std::uint64_t* words, std::uint32_t offset) {
  auto shift = offset % 8 * 8;
  return words[offset / 8] >> shift | words[offset / 8 + 1] << (64 - shift);
}

DEVICE void take(accumulators& sum, words_16 data, std::uint64_t even_key, std::uint64_t odd_key) {
  auto even = data.w[0] | std::uint64_t{data.w[1]} << 32, odd = data.w[2] | std::uint64_t{data.w[3]} << 32;
  even_key ^= even;
  odd_key ^= odd;
  sum.even += odd + (even_key & 0xffffffff) * (even_key >> 32);
  sum.odd += even + (odd_key & 0xffffffff) * (odd_key >> 32);
}

DEVICE std::uint64_t scrambled(std::uint64_t sum, std::uint64_t key) { return (sum ^ sum >> 47 ^ key) * prime32_1; }

/// What a lane adds to its accumulators for its kilobyte.
DEVICE accumulators sum_of(const std::byte* from, const std::uint64_t* key, std::uint32_t j, bool last_kilobyte) {
  words_16 data[stripes];
  UNROLL for (std::uint32_t n = 0; n < stripes; ++n) data[n] = load_16_once(from + n * stripe_bytes);
  accumulators sum{0, 0};
  constexpr auto end = stripes - 1;
  UNROLL for (std::uint32_t n = 0; n < end; ++n) take(sum, data[n], key[n + 2 * j], key[n + 2 * j + 1]);
  take(sum, data[end], last_kilobyte ? secret_at(key, 121 + 16 * j) : key[end + 2 * j],
       last_kilobyte ? secret_at(key, 129 + 16 * j) : key[end + 2 * j + 1]);
  return sum;
}

KERNEL_BOUNDS(threads, 4)
void checksum_pieces(view_list views, secret words, std::uint64_t* sums) {
  auto* key = reinterpret_cast<std::uint64_t*>(shared_memory());
  if (thread_x() < secret_words) key[thread_x()] = words.words[thread_x()];
  barrier();
  auto view = views.of[block_y()];
  auto piece = block_x() * pieces_per_block + thread_x() / lanes_per_piece;
  auto j = thread_x() % lanes_per_kilobyte, kilobyte = thread_x() / lanes_per_kilobyte % kilobytes;
  bool there = piece < view.pieces;
  accumulators own{0, 0};
  if (there)
    own = sum_of(view.bytes + std::size_t{piece} * piece_bytes + kilobyte * kilobyte_bytes + j * sizeof(words_16), key,
                 j, kilobyte == kilobytes - 1);
  // Those of the first kilobyte go on with the sums of the others.
  auto sum = initial(j);
  UNROLL for (std::uint32_t k = 0; k < kilobytes; ++k) {
    if (k > 0) {
      sum.even = scrambled(sum.even, key[stripes + 2 * j]);
      sum.odd = scrambled(sum.odd, key[stripes + 2 * j + 1]);
    }
    sum.even += shuffle_xor(own.even, k * lanes_per_kilobyte);
    sum.odd += shuffle_xor(own.odd, k * lanes_per_kilobyte);
  }
  auto even = sum.even ^ secret_at(key, 11 + 16 * j), odd = sum.odd ^ secret_at(key, 19 + 16 * j);
  auto mixed = even * odd ^ multiply_high(even, odd);
  mixed += shuffle_xor(mixed, 1);
  mixed += shuffle_xor(mixed, 2);
  auto result = piece_bytes * prime64_1 + mixed;
  result = (result ^ result >> 37) * 0x165667919e3779f9;
  if (there && thread_x() % lanes_per_piece == 0) sums[view.first + piece] = result ^ result >> 32;
}

}  // namespace

void checksum(stream queue, const checksum_view* views, std::uint32_t count, std::uint64_t* sums) {
  for (std::uint32_t done = 0; done < count;) {
    view_list some{};
    std::uint32_t number = 0, pieces_max = 0;
    for (; number < views_max && done < count; ++number, ++done) {
      some.of[number] = views[done];
      pieces_max = some.of[number].pieces > pieces_max ? some.of[number].pieces : pieces_max;
    }
    LAUNCH(checksum_pieces, (grid{pieces_of(pieces_max, pieces_per_block), number}), threads, sizeof(secret), queue,
           some, default_secret, sums);
  }
}

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda

/// Attention of one token per sequence over its pages. Bound by memory: keys and values are read once, for all query
/// heads that share them (16 at a time).
///
/// Blocks: x = parts of split_tokens(…) keys, y = heads of keys (each as often as its group has 8 or 16 heads), z =
/// pieces. A block's 4 warps take 16 keys at a time in turn, and each keeps its own maximum, sum and weighted values;
/// they are added at the end, by warp number. If a row has more than one part, the block that ends last adds the parts'
/// results, by their numbers: whichever block that is, the sums are the same.
///
/// Products run on tensor cores in order to serve several heads at the cost of one. The dimensions (for scores) and
/// keys (for values) that a product sums over may be in any order if both sides agree, so each lane loads 16 bytes at a
/// time and uses them as its fragments: no value goes through shared memory.
///   keys: lane l has keys l / 4 and l / 4 + 8 of the 16, and of each chunk of 64 dimensions those 8 pairs (j, j +
///   half) that begin at 8 · (l % 4). Both halves of a pair are in one lane, which rotates them. Queries are the rows
///   of a product, keys its columns.
///   values: lane l has keys 2 · (l % 4), + 1, + 8, + 9, and 8 dimensions from 8 · (l / 4) of each 64. Dimensions are
///   the rows, heads the columns: weights are needed as the first product leaves them.
///
/// Rotation: R(p) q · R(t) k = R(p - s) q · R(t - s) k. A lane's keys have the same two slots in every page, 8 apart.
/// With s = 64 · page for the first and 8 more for the second, all keys of a lane are rotated by the same angles, which
/// stay in registers. Queries are rotated once for every s of the part.
///
/// A row's result depends on its sequence and position only: parts, warps' shares and the order of sums are fixed.
///
/// Address and bounds. Keys and values: only positions up to the row's are read (others are zeros), so pages stay
/// below the sequence's. Tables: positions up to the row's. Dimensions: chunks beyond head_dim are not read. Scratch:
/// [piece][part][head] with part < split_parts(context_max), as a row's position is below context_max. Turns: [piece]
/// [block y], of which there are at most as many as heads. Shared memory: queries [pages][2][heads][pitch]; after a
/// barrier results [4 warps][heads][pitch], their maxima and sums, and a flag lie over them. 16-byte accesses are
/// aligned: pitches are multiples of 16 bytes.
///
/// sm_90, as ptxas says (up to 8 heads per head of keys; 128 dimensions, 64): 202 and 115 registers, no spills; 2,560
/// and 1,536 bytes of shared memory for one head and parts of 256 keys, eight times as much for eight heads; at least
/// two blocks of 4 warps per multiprocessor. 256 dimensions: 255 registers, 221 words spilled (469 with 16 heads).

#include "gpu/cuda/kernels/attention_decode.cuh"
#include "gpu/cuda/kernels/launchers.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {
namespace {

template <std::uint32_t dim_max, std::uint32_t halves, bool exact, bool rotates>
struct decode_block {
  using layout = decode_layout<dim_max, halves>;
  static constexpr std::uint32_t chunks = layout::chunks;

  const attention_args& args;
  std::uint32_t first_page;
  std::uint32_t row, position;         ///< of the query
  std::uint32_t kv_head, head, heads;  ///< the first of so many heads that share keys
  std::uint32_t part, split;           ///< parts have so many keys
  unsigned char* shared = shared_memory();
  eight_angles angles[chunks];  ///< of keys lane / 4 of this warp's 16 in each page
  eight_pairs key[2][chunks];   ///< of keys lane / 4 and lane / 4 + 8 of a step: chunks lane % 4, + 4 …
  words_16 value[4][chunks];    ///< of keys 2 · (lane % 4), + 1, + 8, + 9: dimensions 8 · (lane / 4), + 64 …
  float scores[2][4];
  std::uint32_t weights[2][halves];
  float gathered[halves][chunks][4][4] = {};  ///< dimensions 8 · (lane / 4)… of each 64, heads 2 · (lane % 4), + 1
  float best[halves], sum[halves] = {};       ///< of head lane / 4

  DEVICE std::uint32_t dim() const { return exact ? dim_max : args.shape.head_dim; }
  DEVICE bool rotating() const { return exact ? rotates : !args.keys_rotated; }
  DEVICE std::uint32_t base(std::uint32_t step) const { return part * split + step * layout::keys; }
  DEVICE std::uint32_t parts() const { return position / split + 1; }
  /// For key `second` · 8 + … of a step in the part's `page`.
  DEVICE unsigned char* query(std::uint32_t page, std::uint32_t second, std::uint32_t r) const {
    return shared + ((page * 2 + second) * heads + r) * layout::query_pitch;
  }
  DEVICE const std::byte* page_of(std::uint32_t step) const { return keys_of(args, first_page, kv_head, base(step)); }

  DEVICE void load_keys(std::uint32_t step, const std::byte* page) {
    UNROLL for (std::uint32_t n = 0; n < 2; ++n) {
      auto at = base(step) + n * 8 + lane() / 4;
      const auto* from = page + at % page_tokens * dim() * sizeof(std::uint16_t);
      UNROLL for (std::uint32_t i = 0; i < chunks; ++i) {
        auto chunk = lane() % 4 + i * 4;
        bool there = at <= position && (exact || chunk < dim() / 16);
        key[n][i].low = there ? load_16_once(from + chunk * 16) : words_16{};
        key[n][i].high = there ? load_16_once(from + chunk * 16 + dim()) : words_16{};
      }
    }
  }

  /// Values that the row does not see become zeros, since nothing times a garbage NaN is NaN.
  DEVICE void load_values(std::uint32_t step, const std::byte* page) {
    page += args.shape.values_offset;
    UNROLL for (std::uint32_t k = 0; k < 4; ++k) {
      auto at = base(step) + k / 2 * 8 + lane() % 4 * 2 + k % 2;
      const auto* from = page + at % page_tokens * dim() * sizeof(std::uint16_t);
      UNROLL for (std::uint32_t i = 0; i < chunks; ++i) {
        auto chunk = lane() / 4 + i * 8;
        value[k][i] = at <= position && (exact || chunk < dim() / 8) ? load_16_once(from + chunk * 16) : words_16{};
      }
    }
  }

  static constexpr std::uint32_t query_chunks = dim_max / 16;
  /// The row's queries, rotated by their distance from the first and the ninth slot of each page of the part.
  DEVICE std::uint32_t query_pieces(std::uint32_t pages) const { return heads * pages * 2 * query_chunks; }

  DEVICE query_piece load_query(std::uint32_t i) const {
    auto chunk = i % query_chunks, n = i / query_chunks, r = n % heads, eight = n / heads;
    if (chunk >= dim() / 16) return {};
    const auto* from = query_of(args, row, head + r) + chunk * 8;
    auto slot = part * split + eight / 2 * page_tokens + eight % 2 * 8, distance = position;
    if (rotating()) distance = slot < position ? position - slot : 0;  // keys behind the row are not seen
    return {{load_16(from), load_16(from + dim() / 2)}, load_angles(args.shape, dim() / 2, distance, chunk * 8)};
  }
  DEVICE void store_query(std::uint32_t i, query_piece piece) const {
    auto chunk = i % query_chunks;
    auto* to = shared + i / query_chunks * layout::query_pitch;
    rotate(piece.pairs, piece.by, args.shape.scale * log2_e);
    store_16(to + chunk * 16, piece.pairs.low);
    store_16(to + (query_chunks + chunk) * 16, piece.pairs.high);
  }

  /// The tables may end at the row's position.
  DEVICE void load_key_angles() {
    auto slot = warp() * layout::keys + lane() / 4;
    if (slot > position) slot = position;
    UNROLL for (std::uint32_t i = 0; i < chunks; ++i) {
      auto chunk = lane() % 4 + i * 4;
      angles[i] = {};
      if (exact || chunk < dim() / 16) angles[i] = load_angles(args.shape, dim() / 2, slot, chunk * 8);
    }
  }

  /// scores = queries · keys. The dimensions of a product are those that the lanes happen to hold: of 16, each lane
  /// has two neighbours and their partners in rotation.
  DEVICE void score(std::uint32_t step) {
    UNROLL for (std::uint32_t i = 0; i < 8; ++i) scores[i / 4][i % 4] = 0;
    auto page = step * layout::keys / page_tokens;
    UNROLL for (std::uint32_t i = 0; i < chunks; ++i) {
      auto chunk = lane() % 4 + i * 4;
      if (!exact && i * 4 >= dim() / 16) break;
      UNROLL for (std::uint32_t n = 0; n < 2; ++n) {
        words_16 low[2] = {}, high[2] = {};
        UNROLL for (std::uint32_t h = 0; h < halves; ++h) {
          auto r = h * 8 + lane() / 4;
          if (r >= heads) continue;
          low[h] = load_16(query(page, n, r) + chunk * 16);
          high[h] = load_16(query(page, n, r) + (dim_max / 16 + chunk) * 16);
        }
        auto& pairs = key[n][i];
        if (rotating()) rotate(pairs, angles[i]);
        UNROLL for (std::uint32_t w = 0; w < 4; ++w) mma_16x8x16(
            scores[n], {low[0].w[w], low[1].w[w], high[0].w[w], high[1].w[w]}, {pairs.low.w[w], pairs.high.w[w]});
      }
    }
  }

  DEVICE void mask(std::uint32_t step) {
    auto at = base(step) + lane() % 4 * 2;
    UNROLL for (std::uint32_t i = 0; i < 8; ++i) {
      if (at + i / 4 * 8 + i % 2 > position) scores[i / 4][i % 4] = minus_infinity();
    }
  }

  /// Turns scores into weights, and brings what was gathered so far to the same scale.
  DEVICE void weigh() {
    float shrink[halves];
    bool shrinks = false;
    UNROLL for (std::uint32_t h = 0; h < halves; ++h) {
      float top = fmaxf(fmaxf(scores[0][h * 2], scores[0][h * 2 + 1]), fmaxf(scores[1][h * 2], scores[1][h * 2 + 1]));
      top = fmaxf(top, shuffle_xor(top, 1));
      top = fmaxf(top, shuffle_xor(top, 2));
      top = fmaxf(top, best[h]);
      shrink[h] = exp2_fast(best[h] - top);
      shrinks = shrinks || top != best[h];
      best[h] = top;
      sum[h] *= shrink[h];
      UNROLL for (std::uint32_t n = 0; n < 2; ++n) {
        float first = exp2_fast(scores[n][h * 2] - top), second = exp2_fast(scores[n][h * 2 + 1] - top);
        sum[h] += first + second;
        weights[n][h] = to_bf16x2(first, second);
      }
    }
    if (!vote_any(shrinks)) return;
    UNROLL for (std::uint32_t h = 0; h < halves; ++h) {
      // Lanes 4 · r … have head r.
      float by[2] = {shuffle(shrink[h], lane() % 4 * 8), shuffle(shrink[h], lane() % 4 * 8 + 4)};
      UNROLL for (std::uint32_t i = 0; i < chunks * 16; ++i) gathered[h][i / 16][i / 4 % 4][i % 4] *= by[i % 2];
    }
  }

  /// gathered += values · weights. Rows of a product are the even dimensions eight apart, then the odd ones, which
  /// lanes have at the same place in their 16 bytes.
  DEVICE void gather() {
    UNROLL for (std::uint32_t i = 0; i < chunks; ++i) {
      if (!exact && i * 64 >= dim()) break;
      UNROLL for (std::uint32_t w = 0; w < 4; ++w) {
        auto a = value[0][i].w[w], b = value[1][i].w[w], c = value[2][i].w[w], d = value[3][i].w[w];
        UNROLL for (std::uint32_t h = 0; h < halves; ++h)
            mma_16x8x16(gathered[h][i][w],
                        {(a & 0xffffu) | b << 16, a >> 16 | (b & 0xffff0000u), (c & 0xffffu) | d << 16,
                         c >> 16 | (d & 0xffff0000u)},
                        {weights[0][h], weights[1][h]});
      }
    }
  }

  DEVICE float* result(std::uint32_t of_warp, std::uint32_t r) const {
    return reinterpret_cast<float*>(shared) + (of_warp * heads + r) * layout::result_pitch;
  }
  DEVICE float& top(std::uint32_t of_warp, std::uint32_t r) const {
    return result(layout::warps, 0)[of_warp * heads + r];
  }
  DEVICE float& total(std::uint32_t of_warp, std::uint32_t r) const {
    return result(layout::warps, 0)[(layout::warps + of_warp) * heads + r];
  }

  DEVICE void leave_result() {
    UNROLL for (std::uint32_t h = 0; h < halves; ++h) {
      sum[h] += shuffle_xor(sum[h], 1);
      sum[h] += shuffle_xor(sum[h], 2);
      if (lane() % 4 == 0 && h * 8 + lane() / 4 < heads) {
        top(warp(), h * 8 + lane() / 4) = best[h];
        total(warp(), h * 8 + lane() / 4) = sum[h];
      }
      UNROLL for (std::uint32_t c = 0; c < 2; ++c) {
        auto r = h * 8 + lane() % 4 * 2 + c;
        if (r >= heads) continue;
        UNROLL for (std::uint32_t i = 0; i < chunks; ++i) {
          auto* to = result(warp(), r) + i * 64 + lane() / 4 * 8;
          UNROLL for (std::uint32_t d = 0; d < 8; ++d) to[d] = gathered[h][i][d / 2][d % 2 * 2 + c];
        }
      }
    }
  }

  /// Adds the warps' results: those of the row if they are `final`, otherwise of the part.
  DEVICE void merge(bool final) const {
    for (auto i = thread_x(); i < heads * dim(); i += layout::threads) {
      auto r = i / dim(), d = i % dim();
      float highest = top(0, r);
      UNROLL for (std::uint32_t w = 1; w < layout::warps; ++w) highest = fmaxf(highest, top(w, r));
      float all = 0, weight = 0;
      UNROLL for (std::uint32_t w = 0; w < layout::warps; ++w) {
        auto shrink = exp2_fast(top(w, r) - highest);
        all += result(w, r)[d] * shrink;
        weight += total(w, r) * shrink;
      }
      if (final) {
        args.out[(std::size_t{row} * args.shape.heads + head + r) * dim() + d] = to_bf16(all / weight);
        continue;
      }
      decode_scratch to(args, block_z(), part, head + r);
      to.values[d] = all;
      if (d == 0) {
        to.pairs[0] = highest;
        to.pairs[1] = weight;
      }
    }
  }

  /// True in the row's last block for these heads: all parts' results are there.
  DEVICE bool is_last() const {
    auto& last = *reinterpret_cast<std::uint32_t*>(&total(layout::warps, 0));
    barrier();  // all of this part is written, and nobody reads the warps' results any more
    if (thread_x() == 0) last = take_turn(args.turns + block_z() * args.shape.heads + block_y(), parts());
    barrier();
    return last != 0;
  }

  /// Each warp adds every fourth part, and leaves the sum as its result.
  DEVICE void add_parts() const {
    for (std::uint32_t r = 0; r < heads; ++r) {
      float highest = minus_infinity(), weight = 0;
      for (auto p = warp() + lane() * layout::warps; p < parts(); p += 32 * layout::warps)
        highest = fmaxf(highest, decode_scratch(args, block_z(), p, head + r).pairs[0]);
      for (std::uint32_t mask = 1; mask < 32; mask *= 2) highest = fmaxf(highest, shuffle_xor(highest, mask));
      for (auto d = lane() * 4; d < dim(); d += 128) {
        float all[4] = {};
        weight = 0;
        UNROLL_BY(4) for (auto p = warp(); p < parts(); p += layout::warps) {
          decode_scratch from(args, block_z(), p, head + r);
          auto values = load_16(from.values + d);
          auto shrink = exp2_fast(from.pairs[0] - highest);
          UNROLL for (std::uint32_t j = 0; j < 4; ++j) all[j] += float_of(values.w[j]) * shrink;
          weight += from.pairs[1] * shrink;
        }
        UNROLL for (std::uint32_t j = 0; j < 4; ++j) result(warp(), r)[d + j] = all[j];
      }
      if (lane() != 0) continue;
      top(warp(), r) = highest;
      total(warp(), r) = weight;
    }
  }

  /// Adds keys and values of this part.
  DEVICE void see_part() {
    auto seen = position + 1 - part * split;  // of this part's keys and those after it
    if (seen > split) seen = split;
    auto steps = (seen + layout::keys - 1) / layout::keys;
    auto pieces = query_pieces((seen + page_tokens - 1) / page_tokens);
    if (warp() < steps) {
      const auto* page = page_of(warp());
      load_keys(warp(), page);
      load_values(warp(), page);
    }
    if (rotating()) load_key_angles();
    for (auto i = thread_x(); i < pieces; i += layout::threads) store_query(i, load_query(i));
    UNROLL for (std::uint32_t h = 0; h < halves; ++h) best[h] = minus_infinity();
    barrier();  // queries are there
    auto next = warp() + layout::warps;
    const auto* next_page = next < steps ? page_of(next) : nullptr;
    for (auto step = warp(); step < steps; step += layout::warps) {
      score(step);
      if (next < steps) load_keys(next, next_page);
      if (base(step) + layout::keys - 1 > position) mask(step);
      weigh();
      gather();
      if (next < steps) load_values(next, next_page);
      next += layout::warps;
      if (next < steps) next_page = page_of(next);
    }
    barrier();  // nobody reads queries any more
  }

  DEVICE void run() {
    see_part();
    leave_result();
    barrier();
    merge(parts() == 1);
    if (parts() == 1 || !is_last()) return;
    add_parts();
    barrier();
    merge(true);
  }
};

template <std::uint32_t dim_max, std::uint32_t halves, bool exact, bool rotates>
KERNEL_BOUNDS((decode_layout<dim_max, halves>::threads), dim_max > 128 ? 1 : 2)
void decode(attention_args args, std::uint32_t split_least_until) {
  admit_later_kernels();
  auto piece = args.pieces[block_z()];
  auto sequence = args.batch.sequences[piece.sequence];
  auto position = sequence.position + piece.first;
  auto split = position < split_least_until ? split_tokens_least : split_tokens_most;
  if (block_x() * split > position) return;
  auto group = args.shape.heads / args.shape.kv_heads;
  auto blocks = (group + 8 * halves - 1) / (8 * halves);  // that share the group
  auto kv_head = block_y() / blocks, first = block_y() % blocks * 8 * halves;
  auto heads = group - first < 8 * halves ? group - first : 8 * halves;
  decode_block<dim_max, halves, exact, rotates> block{args,
                                                      sequence.first_page,
                                                      sequence.first_row + piece.first,
                                                      position,
                                                      kv_head,
                                                      kv_head * group + first,
                                                      heads,
                                                      block_x(),
                                                      split};
  block.run();
}

template <std::uint32_t dim_max, std::uint32_t halves, bool exact, bool rotates>
void launch_decode(stream queue, const attention_args& args, std::uint32_t parts) {
  using layout = decode_layout<dim_max, halves>;
  auto group = args.shape.heads / args.shape.kv_heads;
  auto blocks = pieces_of(group, layout::heads);
  LAUNCH((decode<dim_max, halves, exact, rotates>), (grid{parts, args.shape.kv_heads * blocks, args.piece_count}),
         layout::threads, layout::shared_bytes(split_tokens(args.context_max, args.shape.kv_heads), group), queue, args,
         split_least_until(args.shape.kv_heads));
}

template <std::uint32_t dim_max, bool exact, bool rotates = true>
void launch_decode(stream queue, const attention_args& args, std::uint32_t parts) {
  if (args.shape.heads / args.shape.kv_heads <= 8)
    launch_decode<dim_max, 1, exact, rotates>(queue, args, parts);
  else
    launch_decode<dim_max, 2, exact, rotates>(queue, args, parts);
}

}  // namespace

void attention_decode(stream queue, const attention_args& args) {
  check(args);
  auto dim = args.shape.head_dim;
  auto parts = split_parts(args.context_max, args.shape.kv_heads);
  if (dim == 64)
    args.keys_rotated ? launch_decode<64, true, false>(queue, args, parts)
                      : launch_decode<64, true>(queue, args, parts);
  else if (dim == 128)
    args.keys_rotated ? launch_decode<128, true, false>(queue, args, parts)
                      : launch_decode<128, true>(queue, args, parts);
  else if (dim < 128)
    launch_decode<128, false>(queue, args, parts);
  else
    launch_decode<256, false>(queue, args, parts);
}

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda

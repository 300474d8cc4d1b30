/// Attention of one token per sequence over its pages. Bound by memory: keys and values are read once, straight into
/// registers, for all query heads that share them (16 at a time).
///
/// Blocks: x = parts of split_tokens keys, y = heads of keys (each as often as its group has 8 or 16 heads), z =
/// pieces. A block's 4 warps take 16 keys at a time in turn, and each keeps its own maximum, sum and weighted values;
/// they are added at the end, by warp number. If a row has more than one part, a second kernel (attention_combine.cu)
/// adds them.
///
/// Products run on tensor cores in order to serve up to 16 heads at the cost of one: queries are the 16 rows. The
/// dimensions (for scores) and keys (for values) that a product sums over may be in any order if both sides agree, so
/// each lane loads 16 bytes at a time and uses them as its fragments: no value goes through shared memory.
///   keys: lane l has keys l / 4 and l / 4 + 8 of the 16, and of each chunk of 64 dimensions those 8 pairs (j, j +
///   half) that begin at 8 · (l % 4). Both halves of a pair are in one lane, which rotates them. values: lane l has
///   keys 2 · (l % 4), + 1, + 8, + 9, and 8 dimensions from 8 · (l / 4) of each 64.
///
/// Rotation: R(p) q · R(t) k = R(p - 64 n) q · R(t - 64 n) k. The query is rotated for each page n of the part once, so
/// that keys need only the rotation of their slot: one table of 64 positions in shared memory.
///
/// A row's result depends on its sequence and position only: parts, warps' shares and the order of sums are fixed.
///
/// Address and bounds. Keys and values: only positions up to the row's are read (others are zeros), so pages stay
/// below the sequence's. Tables: positions up to the row's. Dimensions: chunks beyond head_dim are not read. Scratch:
/// [piece][part][head] with part < context_max / split_tokens rounded up, as a row's position is below context_max.
/// Shared memory: queries [8 pages][heads][pitch], angles [64][pitch] twice, 8 pages; after a barrier results
/// [4 warps][heads][pitch] lie over them. 16-byte accesses are aligned: pitches are multiples of 16 bytes.
///
/// sm_90, as ptxas says (up to 8 heads per head of keys; 128 dimensions, 64): 194 and 128 registers, no spills; 55,360
/// and 30,784 bytes of shared memory; two and four blocks of 4 warps per multiprocessor. 256 dimensions: 255 registers,
/// 121 words spilled.

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
  std::uint32_t part;
  unsigned char* shared = shared_memory();
  eight_pairs key[2][chunks];  ///< of keys lane / 4 and lane / 4 + 8 of a step: chunks lane % 4, + 4 …
  words_16 value[4][chunks];   ///< of keys 2 · (lane % 4), + 1, + 8, + 9: dimensions 8 · (lane / 4), + 64 …
  float scores[2][4];
  std::uint32_t weights[4];
  float gathered[chunks][8][4];
  float best[halves], sum[halves];

  DEVICE std::uint32_t dim() const { return exact ? dim_max : args.shape.head_dim; }
  DEVICE bool rotating() const { return exact ? rotates : !args.keys_rotated; }
  DEVICE std::uint32_t base(std::uint32_t step) const { return part * split_tokens + step * layout::keys; }
  DEVICE unsigned char* query(std::uint32_t page, std::uint32_t row_of_block) const {
    return shared + (page * layout::heads + row_of_block) * layout::query_pitch;
  }
  DEVICE float* cosines(std::uint32_t slot) const {
    return reinterpret_cast<float*>(shared + layout::cosines_at) + slot * layout::angle_pitch;
  }
  DEVICE float* sines(std::uint32_t slot) const {
    return reinterpret_cast<float*>(shared + layout::sines_at) + slot * layout::angle_pitch;
  }

  /// The kv_head's keys in each page of the part.
  DEVICE const std::byte** pages() const { return reinterpret_cast<const std::byte**>(shared + layout::pages_at); }
  DEVICE const std::byte* page_of(std::uint32_t step) const { return pages()[step * layout::keys / page_tokens]; }

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

  /// The row's queries as each page of the part needs them: rotated by their distance from the page's beginning, so
  /// that keys need only the rotation of their slot in the page.
  DEVICE void load_queries(std::uint32_t pages) {
    constexpr auto chunk_count = dim_max / 16;
    for (auto i = thread_x(); i < layout::heads * layout::pages * chunk_count; i += layout::threads) {
      auto chunk = i % chunk_count, page = i / chunk_count % layout::pages, r = i / chunk_count / layout::pages;
      if (page >= pages) continue;
      eight_pairs pairs{};
      if (r < heads && chunk < dim() / 16) {
        const auto* from = query_of(args, row, head + r) + chunk * 8;
        pairs = {load_16(from), load_16(from + dim() / 2)};
        auto distance = rotating() ? position - part * split_tokens - page * page_tokens : position;
        rotate(pairs, load_angles(args.shape, dim() / 2, distance, chunk * 8), args.shape.scale * log2_e);
      }
      store_16(query(page, r) + chunk * 16, pairs.low);
      store_16(query(page, r) + (chunk_count + chunk) * 16, pairs.high);
    }
  }

  /// Cosines and sines of a page's slots; the tables may end at the row's position.
  DEVICE void copy_angles() {
    auto pieces = dim() / 8;  // of four floats
    for (auto i = thread_x(); i < page_tokens * pieces; i += layout::threads) {
      auto slot = i / pieces, at = i % pieces * 4;
      auto from = std::size_t{slot < position ? slot : position} * (dim() / 2) + at;
      copy_async_16(cosines(slot) + at, args.shape.cosines + from);
      copy_async_16(sines(slot) + at, args.shape.sines + from);
    }
    copy_async_commit();
  }

  /// scores = queries · keys. The dimensions of a product are those that the lanes happen to hold: of 16, each lane
  /// has two neighbours and their partners in rotation.
  DEVICE void score(std::uint32_t step) {
    UNROLL for (std::uint32_t i = 0; i < 8; ++i) scores[i / 4][i % 4] = 0;
    auto page = step * layout::keys / page_tokens;
    UNROLL for (std::uint32_t i = 0; i < chunks; ++i) {
      auto chunk = lane() % 4 + i * 4;
      if (!exact && i * 4 >= dim() / 16) break;
      words_16 low[halves], high[halves];
      UNROLL for (std::uint32_t h = 0; h < halves; ++h) {
        low[h] = load_16(query(page, h * 8 + lane() / 4) + chunk * 16);
        high[h] = load_16(query(page, h * 8 + lane() / 4) + (dim_max / 16 + chunk) * 16);
      }
      UNROLL for (std::uint32_t n = 0; n < 2; ++n) {
        auto& pairs = key[n][i];
        if (rotating() && (exact || chunk < dim() / 16)) {
          auto slot = (step * layout::keys + n * 8 + lane() / 4) % page_tokens;
          const auto *c = cosines(slot) + chunk * 8, *s = sines(slot) + chunk * 8;
          rotate(pairs, {{load_16(c), load_16(c + 4)}, {load_16(s), load_16(s + 4)}});
        }
        UNROLL for (std::uint32_t w = 0; w < 4; ++w) {
          auto second_low = halves > 1 ? low[halves - 1].w[w] : 0, second_high = halves > 1 ? high[halves - 1].w[w] : 0;
          mma_16x8x16(scores[n], {low[0].w[w], second_low, high[0].w[w], second_high},
                      {pairs.low.w[w], pairs.high.w[w]});
        }
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
        weights[n * 2 + h] = to_bf16x2(first, second);
      }
    }
    if (!vote_any(shrinks)) return;
    UNROLL for (std::uint32_t i = 0; i < chunks * 8; ++i) {
      UNROLL for (std::uint32_t j = 0; j < halves * 2; ++j) gathered[i / 8][i % 8][j] *= shrink[j / 2];
    }
  }

  /// gathered += weights · values. Columns of a product are dimensions eight apart, whose elements lanes have at the
  /// same place in their 16 bytes.
  DEVICE void gather() {
    UNROLL for (std::uint32_t i = 0; i < chunks; ++i) {
      if (!exact && i * 64 >= dim()) break;
      UNROLL for (std::uint32_t w = 0; w < 4; ++w) {
        auto a = value[0][i].w[w], b = value[1][i].w[w], c = value[2][i].w[w], d = value[3][i].w[w];
        mma_16x8x16(gathered[i][2 * w], weights, {(a & 0xffffu) | b << 16, (c & 0xffffu) | d << 16});
        mma_16x8x16(gathered[i][2 * w + 1], weights, {a >> 16 | (b & 0xffff0000u), c >> 16 | (d & 0xffff0000u)});
      }
    }
  }

  DEVICE void begin() {
    UNROLL for (std::uint32_t h = 0; h < halves; ++h) {
      best[h] = minus_infinity();
      sum[h] = 0;
    }
    UNROLL for (std::uint32_t i = 0; i < 4; ++i) weights[i] = 0;
    UNROLL for (std::uint32_t i = 0; i < chunks * 32; ++i) gathered[i / 32][i / 4 % 8][i % 4] = 0;
  }

  DEVICE float* result(std::uint32_t of_warp, std::uint32_t r) const {
    return reinterpret_cast<float*>(shared) + (of_warp * layout::heads + r) * layout::result_pitch;
  }
  DEVICE float& top(std::uint32_t of_warp, std::uint32_t r) const {
    return reinterpret_cast<float*>(shared + layout::tops_at)[of_warp * layout::heads + r];
  }
  DEVICE float& total(std::uint32_t of_warp, std::uint32_t r) const {
    return reinterpret_cast<float*>(shared + layout::sums_at)[of_warp * layout::heads + r];
  }

  /// A lane has dimensions 16 · (lane % 4)… of each 64.
  DEVICE void leave_result() {
    UNROLL for (std::uint32_t h = 0; h < halves; ++h) {
      auto r = h * 8 + lane() / 4;
      sum[h] += shuffle_xor(sum[h], 1);
      sum[h] += shuffle_xor(sum[h], 2);
      top(warp(), r) = best[h];
      total(warp(), r) = sum[h];
      UNROLL for (std::uint32_t i = 0; i < chunks; ++i) {
        auto* to = result(warp(), r) + i * 64 + lane() % 4 * 16;
        UNROLL for (std::uint32_t d = 0; d < 16; ++d) to[d] = gathered[i][d % 8][h * 2 + d / 8];
      }
    }
  }

  /// Adds the warps' results; those of a row with one part only are final.
  DEVICE void merge() const {
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
      if (position < split_tokens) {
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

  DEVICE void run() {
    auto seen = position + 1 - part * split_tokens;  // of this part's keys and those after it
    if (seen > split_tokens) seen = split_tokens;
    auto steps = (seen + layout::keys - 1) / layout::keys;
    auto page_count = (seen + page_tokens - 1) / page_tokens;
    if (warp() < steps) {
      const auto* page = keys_of(args, first_page, kv_head, base(warp()));
      load_keys(warp(), page);
      load_values(warp(), page);
    }
    if (thread_x() < page_count)
      pages()[thread_x()] = keys_of(args, first_page, kv_head, part * split_tokens + thread_x() * page_tokens);
    if (rotating()) copy_angles();
    load_queries(page_count);
    begin();
    copy_async_wait<0>();
    barrier();  // queries, angles and pages are there
    for (auto step = warp(); step < steps; step += layout::warps) {
      auto next = step + layout::warps;
      score(step);
      if (next < steps) load_keys(next, page_of(next));
      if (base(step) + layout::keys - 1 > position) mask(step);
      weigh();
      gather();
      if (next < steps) load_values(next, page_of(next));
    }
    barrier();  // nobody reads queries and angles any more
    leave_result();
    barrier();
    merge();
  }
};

template <std::uint32_t dim_max, std::uint32_t halves, bool exact, bool rotates>
KERNEL_BOUNDS(decode_warps * 32, 8 / decode_warps)
void decode(attention_args args) {
  auto piece = args.pieces[block_z()];
  auto sequence = args.batch.sequences[piece.sequence];
  auto position = sequence.position + piece.first;
  if (block_x() * split_tokens > position) return;
  auto group = args.shape.heads / args.shape.kv_heads;
  auto blocks = (group + 8 * halves - 1) / (8 * halves);  // that share the group
  auto kv_head = block_y() / blocks, first = block_y() % blocks * 8 * halves;
  auto heads = group - first < 8 * halves ? group - first : 8 * halves;
  decode_block<dim_max, halves, exact, rotates> block{args, sequence.first_page, sequence.first_row + piece.first,
                                                      position};
  block.kv_head = kv_head;
  block.head = kv_head * group + first;
  block.heads = heads;
  block.part = block_x();
  block.run();
}

template <std::uint32_t dim_max, std::uint32_t halves, bool exact, bool rotates>
void launch_decode(stream queue, const attention_args& args, std::uint32_t parts) {
  using layout = decode_layout<dim_max, halves>;
  auto blocks = pieces_of(args.shape.heads / args.shape.kv_heads, layout::heads);
  LAUNCH((decode<dim_max, halves, exact, rotates>), (grid{parts, args.shape.kv_heads * blocks, args.piece_count}),
         layout::threads, layout::shared_bytes, queue, args);
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
  auto parts = pieces_of(args.context_max, split_tokens);
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
  if (parts > 1) attention_combine(queue, args);
}

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda

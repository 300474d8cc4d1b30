/// Attention of one token per sequence over its pages. Bound by memory: keys and values are read once, straight into
/// registers, for all query heads that share them (16 at a time).
///
/// Blocks: x = parts of split_tokens keys, y = heads of keys (each as often as its group has 8 or 16 heads), z =
/// pieces. A block's 4 warps take 16 keys at a time in turn, and each keeps its own maximum, sum and weighted values;
/// they are added at the end, by warp number. If a row has more than one part, a second kernel adds the parts.
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
/// sm_90, as ptxas says (up to 8 heads per head of keys; 128 dimensions, 64): 196 and 137 registers, no spills; 55,360
/// and 30,784 bytes of shared memory; two and three blocks of 4 warps per multiprocessor. 256 dimensions: 255
/// registers, 124 words spilled.

#include "gpu/cuda/kernels/attention.cuh"
#include "gpu/cuda/kernels/launchers.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {
namespace {

/// How a block works on a part of a row's keys, for heads of up to `dim_max` dimensions, and 8 or 16 heads at a time.
template <std::uint32_t dim_max, std::uint32_t halves>
struct decode_layout {
  static constexpr std::uint32_t warps = 4, threads = warps * 32;
  static constexpr std::uint32_t heads = 8 * halves;
  static constexpr std::uint32_t keys = 16;  ///< that a warp takes at a time
  static constexpr std::uint32_t pages = split_tokens / page_tokens;
  static constexpr std::uint32_t chunks = dim_max / 64;           ///< of eight pairs of dimensions, of a lane
  static constexpr std::uint32_t query_pitch = dim_max * 2 + 64;  ///< bytes between rows: two rows' banks differ
  static constexpr std::uint32_t angle_pitch = dim_max / 2 + 4;   ///< floats between rows
  static constexpr std::uint32_t cosines_at = pages * heads * query_pitch;
  static constexpr std::uint32_t sines_at = cosines_at + page_tokens * angle_pitch * sizeof(float);
  static constexpr std::uint32_t pages_at = sines_at + page_tokens * angle_pitch * sizeof(float);
  static constexpr std::uint32_t pages_end = pages_at + pages * sizeof(const std::byte*);
  /// Over the queries and angles, when they are not needed any more: the warps' results.
  static constexpr std::uint32_t result_pitch = dim_max + 4;  ///< floats
  static constexpr std::uint32_t tops_at = warps * heads * result_pitch * sizeof(float);
  static constexpr std::uint32_t sums_at = tops_at + warps * heads * sizeof(float);
  static constexpr std::uint32_t results_end = sums_at + warps * heads * sizeof(float);
  static constexpr std::uint32_t shared_bytes = pages_end > results_end ? pages_end : results_end;
};

/// Where the parts of a row leave their results for the second kernel: sums of values weighted,
/// [piece][part][head][dim], then pairs of the largest score and the sum of weights, [piece][part][head].
struct decode_scratch {
  float* values;
  float* pairs;

  DEVICE decode_scratch(const attention_args& args, std::uint32_t piece, std::uint32_t part, std::uint32_t head) {
    auto parts = (args.context_max + split_tokens - 1) / split_tokens;
    auto at = (std::size_t{piece} * parts + part) * args.shape.heads + head;
    values = args.scratch + at * args.shape.head_dim;
    pairs = args.scratch + std::size_t{args.piece_count} * parts * args.shape.heads * args.shape.head_dim + at * 2;
  }
};

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
  DEVICE void load_values(std::uint32_t step) {
    const auto* page = page_of(step) + args.shape.values_offset;
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
    for (auto i = thread_x(); i < pages * layout::heads * (dim_max / 16); i += layout::threads) {
      auto chunk = i % (dim_max / 16), r = i / (dim_max / 16) % layout::heads,
           page = i / (dim_max / 16) / layout::heads;
      eight_pairs pairs{};
      if (r < heads && chunk < dim() / 16) {
        const auto* from = query_of(args, row, head + r) + chunk * 8;
        pairs = {load_16(from), load_16(from + dim() / 2)};
        auto distance = rotating() ? position - part * split_tokens - page * page_tokens : position;
        rotate(pairs, load_angles(args.shape, dim() / 2, distance, chunk * 8), args.shape.scale * log2_e);
      }
      store_16(query(page, r) + chunk * 16, pairs.low);
      store_16(query(page, r) + (dim_max / 16 + chunk) * 16, pairs.high);
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
    UNROLL for (std::uint32_t n = 0; n < 2; ++n) UNROLL for (std::uint32_t i = 0; i < 4; ++i) scores[n][i] = 0;
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
        UNROLL for (std::uint32_t w = 0; w < 4; ++w) mma_16x8x16(
            scores[n],
            {low[0].w[w], halves > 1 ? low[halves - 1].w[w] : 0, high[0].w[w], halves > 1 ? high[halves - 1].w[w] : 0},
            {pairs.low.w[w], pairs.high.w[w]});
      }
    }
  }

  DEVICE void mask(std::uint32_t step) {
    auto at = base(step) + lane() % 4 * 2;
    UNROLL for (std::uint32_t n = 0; n < 2; ++n)
        UNROLL for (std::uint32_t i = 0; i < 4; ++i) if (at + n * 8 + i % 2 > position) scores[n][i] = minus_infinity();
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
    UNROLL for (std::uint32_t i = 0; i < chunks; ++i) UNROLL for (std::uint32_t e = 0; e < 8; ++e)
        UNROLL for (std::uint32_t h = 0; h < halves; ++h) {
      gathered[i][e][h * 2] *= shrink[h];
      gathered[i][e][h * 2 + 1] *= shrink[h];
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
    UNROLL for (std::uint32_t i = 0; i < chunks; ++i) UNROLL for (std::uint32_t e = 0; e < 8; ++e)
        UNROLL for (std::uint32_t j = 0; j < 4; ++j) gathered[i][e][j] = 0;
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
      UNROLL for (std::uint32_t i = 0; i < chunks; ++i) UNROLL for (std::uint32_t j = 0; j < 2; ++j)
          UNROLL for (std::uint32_t e = 0; e < 8; ++e) result(warp(), r)[i * 64 + lane() % 4 * 16 + j * 8 + e] =
              gathered[i][e][h * 2 + j];
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
    if (warp() < steps) load_keys(warp(), keys_of(args, first_page, kv_head, base(warp())));
    if (thread_x() < page_count)
      pages()[thread_x()] = keys_of(args, first_page, kv_head, part * split_tokens + thread_x() * page_tokens);
    if (rotating()) copy_angles();
    load_queries(page_count);
    begin();
    copy_async_wait<0>();
    barrier();  // queries, angles and pages are there
    for (auto step = warp(); step < steps; step += layout::warps) {
      load_values(step);
      score(step);
      if (step + layout::warps < steps) load_keys(step + layout::warps, page_of(step + layout::warps));
      if (base(step) + layout::keys - 1 > position) mask(step);
      weigh();
      gather();
    }
    barrier();  // nobody reads queries and angles any more
    leave_result();
    barrier();
    merge();
  }
};

template <std::uint32_t dim_max, std::uint32_t halves, bool exact, bool rotates>
KERNEL_BOUNDS((decode_layout<dim_max, halves>::threads), 2)
void decode(attention_args args) {
  auto piece = args.pieces[block_z()];
  auto sequence = args.batch.sequences[piece.sequence];
  auto position = sequence.position + piece.first;
  if (block_x() * split_tokens > position) return;
  auto group = args.shape.heads / args.shape.kv_heads;
  auto blocks = (group + 8 * halves - 1) / (8 * halves);  // that share the group
  auto kv_head = block_y() / blocks, first = block_y() % blocks * 8 * halves;
  auto heads = group - first < 8 * halves ? group - first : 8 * halves;
  decode_block<dim_max, halves, exact, rotates>{args,
                                                sequence.first_page,
                                                sequence.first_row + piece.first,
                                                position,
                                                kv_head,
                                                kv_head * group + first,
                                                heads,
                                                block_x()}
      .run();
}

template <std::uint32_t dim_max, bool exact, bool rotates = true>
void launch_decode(stream queue, const attention_args& args, std::uint32_t parts) {
  auto group = args.shape.heads / args.shape.kv_heads;
  if (group <= 8)
    LAUNCH((decode<dim_max, 1, exact, rotates>), grid{parts, args.shape.kv_heads, args.piece_count}, 128,
           (decode_layout<dim_max, 1>::shared_bytes), queue, args);
  else
    LAUNCH((decode<dim_max, 2, exact, rotates>),
           grid{parts, args.shape.kv_heads * ((group + 15) / 16), args.piece_count}, 128,
           (decode_layout<dim_max, 2>::shared_bytes), queue, args);
}

constexpr std::uint32_t combine_warps = 8;

/// Adds the parts of a row's head: a warp every eighth, then all warps' sums.
KERNEL_BOUNDS(combine_warps * 32, 1)
void combine(attention_args args) {
  auto piece = args.pieces[block_z()];
  const auto& sequence = args.batch.sequences[piece.sequence];
  auto position = sequence.position + piece.first, head = block_x();
  if (position < split_tokens) return;  // it is final already
  auto parts = position / split_tokens + 1, dim = args.shape.head_dim;
  auto* sums = reinterpret_cast<float*>(shared_memory());  // [warp][dim + 1]
  float highest = minus_infinity();
  for (auto p = lane(); p < parts; p += 32) highest = fmaxf(highest, decode_scratch(args, block_z(), p, head).pairs[0]);
  for (std::uint32_t mask = 1; mask < 32; mask *= 2) highest = fmaxf(highest, shuffle_xor(highest, mask));
  for (auto d = lane(); d <= dim; d += 32) {  // the last is the sum of weights
    float all = 0;
    for (auto p = warp(); p < parts; p += combine_warps) {
      decode_scratch from(args, block_z(), p, head);
      all += exp2_fast(from.pairs[0] - highest) * (d < dim ? from.values[d] : from.pairs[1]);
    }
    sums[warp() * (dim + 1) + d] = all;
  }
  barrier();
  for (auto d = thread_x(); d < dim; d += combine_warps * 32) {
    float all = 0, weight = 0;
    for (std::uint32_t w = 0; w < combine_warps; ++w) {
      all += sums[w * (dim + 1) + d];
      weight += sums[w * (dim + 1) + dim];
    }
    auto row = sequence.first_row + piece.first;
    args.out[(std::size_t{row} * args.shape.heads + head) * dim + d] = to_bf16(all / weight);
  }
}

}  // namespace

void attention_decode(stream queue, const attention_args& args) {
  auto dim = args.shape.head_dim;
  auto parts = (args.context_max + split_tokens - 1) / split_tokens;
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
  if (parts > 1)
    LAUNCH(combine, grid{args.shape.heads, 1, args.piece_count}, combine_warps * 32,
           combine_warps * (dim + 1) * sizeof(float), queue, args);
}

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda

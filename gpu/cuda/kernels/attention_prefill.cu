/// Causal attention of many new tokens of a sequence over its pages, on tensor cores, flash style: a block keeps its
/// queries in shared memory and goes through the keys' tiles in the order of their positions, with a running maximum
/// and sum per row. Keys are rotated here, once for all rows of the block.
///
/// A block has up to 256 rows (8 warps of 32; 128 rows, 8 warps of 16, above 128 dimensions). A row is a token and one
/// of the query heads that share a head of keys: number token · group + head, so heads of a group read a tile once.
/// Blocks: x = head of keys, y = which 256 of a piece's rows, z = pieces, from the last.
///
/// Shared memory: queries (rotated, scaled), two tiles of keys, two of values, positions of the rows. A tile has 64
/// keys (32 above 128 dimensions). Rows are 16 bytes longer than their values, so that the eight rows of a matrix that
/// ldmatrix reads lie in different banks.
///
/// Pipeline: while a tile is worked on, cp.async brings the next one. When its keys are there, each thread rotates
/// those that it copied itself, in place, between the products of weights and values: the tensor cores have work
/// meanwhile. One barrier per tile then shows the rotated keys, and the values, to all.
///
/// A row's result depends on its sequence and position only: tiles begin at fixed positions, and a tile that a row does
/// not see changes nothing for it (weights 0, scale 1).
///
/// Address and bounds. Rows: those below share.rows are of the piece, hence below batch.rows; others are not read
/// (zeros) nor written. Pages: tiles end at the position of the block's last row, so page numbers stay below the
/// sequence's pages; copies of slots beyond that position are zeros and not read. Tables: positions up to that one.
/// Shared memory: rows · pitch for queries and each tile's keys · pitch, where every access is row · pitch + at most
/// 2 · head_dim bytes. Copies: 16 bytes at multiples of 16, as head_dim is a multiple of 16 and offsets of slices are.
///
/// sm_90, as ptxas says (128 dimensions; 64): 255 registers and 32 bytes of stack (8 spilled words); 227, none. 140,288
/// and 74,752 bytes of shared memory; one block of 8 warps per multiprocessor in both cases.

#include "gpu/cuda/kernels/attention.cuh"
#include "gpu/cuda/kernels/launchers.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {

const std::uint32_t attention_prefill_rows = 256;

namespace {

/// How a block divides its work, for heads of up to `dim_max` dimensions.
template <std::uint32_t dim_max>
struct prefill_layout {
  static constexpr std::uint32_t warps = 8, threads = warps * 32;
  static constexpr std::uint32_t strips = dim_max > 128 ? 1 : 2;  ///< of 16 rows, in a warp
  static constexpr std::uint32_t warp_rows = strips * 16, rows = warps * warp_rows;
  static constexpr std::uint32_t keys = dim_max > 128 ? 32 : 64;  ///< of a tile; a page is a whole number of tiles
  static constexpr std::uint32_t pitch = dim_max * 2 + 16;        ///< bytes between rows: their banks differ
  static constexpr std::uint32_t tile_bytes = keys * pitch;
  static constexpr std::uint32_t keys_at = rows * pitch, values_at = keys_at + 2 * tile_bytes;
  static constexpr std::uint32_t positions_at = values_at + 2 * tile_bytes;
  static constexpr std::uint32_t shared_bytes = positions_at + rows * sizeof(std::uint32_t);
  static constexpr std::uint32_t steps = (keys * dim_max / 16 + threads - 1) / threads;  ///< of a thread, per tile
};

/// The block's share: `rows` of a sequence, a row being a token and one of the query heads that share a head of keys.
struct prefill_share {
  sequence_view sequence;
  std::uint32_t group;
  std::uint32_t first_token;  ///< of the piece, in the sequence
  std::uint32_t first, rows;  ///< of the piece's rows, numbered token · group + head

  /// `rows` is 0 where the piece has none for the block.
  DEVICE prefill_share(const attention_args& args, std::uint32_t rows_max) {
    auto piece = args.pieces[args.piece_count - 1 - block_z()];  // later ones see more: they start first
    sequence = args.batch.sequences[piece.sequence];
    group = args.shape.heads / args.shape.kv_heads;
    first_token = piece.first;
    first = block_y() * rows_max;
    auto end = piece.rows * group;
    rows = first >= end ? 0 : end - first < rows_max ? end - first : rows_max;
  }

  DEVICE std::uint32_t token(std::uint32_t row) const { return first_token + (first + row) / group; }
  DEVICE std::uint32_t head(std::uint32_t row) const { return block_x() * group + (first + row) % group; }
  /// Rows beyond the last see what the last sees.
  DEVICE std::uint32_t position(std::uint32_t row) const {
    return sequence.position + token(row < rows ? row : rows - 1);
  }
};

template <std::uint32_t dim_max, bool exact, bool rotates>
struct prefill_block {
  using layout = prefill_layout<dim_max>;
  static constexpr std::uint32_t strips = layout::strips, pitch = layout::pitch, keys = layout::keys;
  static constexpr std::uint32_t parts = keys / 16, columns = dim_max / 16;

  const attention_args& args;
  unsigned char* shared = shared_memory();
  std::uint32_t tiles_seen;   ///< by any row of the warp
  std::uint32_t tiles_whole;  ///< seen by all rows of the warp, whole
  float scores[strips][keys / 8][4];
  std::uint32_t weights[2][strips][4];
  float gathered[strips][dim_max / 8][4];
  float best[strips][2], sum[strips][2];

  DEVICE std::uint32_t dim() const { return exact ? dim_max : args.shape.head_dim; }
  DEVICE bool rotating() const { return exact ? rotates : !args.keys_rotated; }
  DEVICE std::uint32_t warp_row() const { return warp() * layout::warp_rows; }
  DEVICE std::uint32_t* positions() const { return reinterpret_cast<std::uint32_t*>(shared + layout::positions_at); }
  DEVICE unsigned char* keys_at(std::uint32_t tile) const {
    return shared + layout::keys_at + tile % 2 * layout::tile_bytes;
  }
  DEVICE unsigned char* values_at(std::uint32_t tile) const {
    return shared + layout::values_at + tile % 2 * layout::tile_bytes;
  }

  /// Rotated, scaled and with zeros for rows that there are not.
  DEVICE void load_queries(const prefill_share& share) {
    auto chunks = dim() / 16;
    for (auto i = thread_x(); i < layout::rows * chunks; i += layout::threads) {
      auto row = i / chunks, chunk = i % chunks;
      eight_pairs pairs{};
      if (row < share.rows) {
        const auto* from = query_of(args, share.sequence.first_row + share.token(row), share.head(row)) + chunk * 8;
        pairs = {load_16(from), load_16(from + dim() / 2)};
        rotate(pairs, load_angles(args.shape, dim() / 2, share.position(row), chunk * 8), args.shape.scale * log2_e);
      }
      store_16(shared + row * pitch + chunk * 16, pairs.low);
      store_16(shared + row * pitch + (chunks + chunk) * 16, pairs.high);
    }
    for (auto row = thread_x(); row < layout::rows; row += layout::threads) positions()[row] = share.position(row);
  }

  /// A thread copies those keys that it will rotate: eight pairs of dimensions at a time. Slots that the block does not
  /// see become zeros.
  DEVICE void copy_keys(std::uint32_t tile, const std::byte* page, std::uint32_t last) const {
    auto chunks = dim() / 16, base = tile * keys;
    auto* to = keys_at(tile);
    UNROLL for (std::uint32_t s = 0; s < layout::steps; ++s) {
      auto i = thread_x() + s * layout::threads;
      auto key = i / chunks, chunk = i % chunks;
      if (!exact && i >= keys * chunks) break;
      const auto* from = page + ((base % page_tokens + key) * dim() + chunk * 8) * sizeof(std::uint16_t);
      copy_async_16(to + key * pitch + chunk * 16, from, base + key <= last);
      copy_async_16(to + key * pitch + (chunks + chunk) * 16, from + dim(), base + key <= last);
    }
  }

  DEVICE void copy_values(std::uint32_t tile, const std::byte* page, std::uint32_t last) const {
    auto chunks = dim() / 8, base = tile * keys;
    const auto* values = page + args.shape.values_offset;
    auto* to = values_at(tile);
    UNROLL for (std::uint32_t s = 0; s < 2 * layout::steps; ++s) {
      auto i = thread_x() + s * layout::threads;
      auto key = i / chunks, chunk = i % chunks;
      if (!exact && i >= keys * chunks) break;
      copy_async_16(to + key * pitch + chunk * 16,
                    values + ((base % page_tokens + key) * dim() + chunk * 8) * sizeof(std::uint16_t),
                    base + key <= last);
    }
  }

  /// Starts copies of a tile, in two groups.
  DEVICE void copy(std::uint32_t tile, const std::byte* page, std::uint32_t last) const {
    copy_keys(tile, page, last);
    copy_async_commit();
    copy_values(tile, page, last);
    copy_async_commit();
  }

  /// One of a thread's steps of the rotation of a tile's keys: what it reads, and what it does.
  struct rotation {
    unsigned char *low, *high;
    eight_pairs pairs;
    eight_angles angles;
  };

  DEVICE rotation begin_rotation(std::uint32_t tile, std::uint32_t step, std::uint32_t last) const {
    auto chunks = dim() / 16;
    auto i = thread_x() + step * layout::threads;
    auto key = i / chunks, chunk = i % chunks;
    auto position = tile * keys + key;
    auto* low = keys_at(tile) + key * pitch + chunk * 16;
    auto* high = low + chunks * 16;
    return {low,
            high,
            {load_16(low), load_16(high)},
            load_angles(args.shape, dim() / 2, position < last ? position : last, chunk * 8)};
  }

  DEVICE static void end_rotation(const rotation& r) {
    store_16(r.low, r.pairs.low);
    store_16(r.high, r.pairs.high);
  }

  DEVICE void rotate_keys(std::uint32_t tile, std::uint32_t last) const {
    if (!rotating()) return;
    UNROLL for (std::uint32_t s = 0; s < layout::steps;
                ++s) if (exact || thread_x() + s * layout::threads < keys * dim() / 16) {
      auto r = begin_rotation(tile, s, last);
      rotate(r.pairs, r.angles);
      end_rotation(r);
    }
  }

  /// scores = queries · keys
  DEVICE void score(std::uint32_t tile) {
    UNROLL for (std::uint32_t s = 0; s < strips; ++s) UNROLL for (std::uint32_t n = 0; n < keys / 8; ++n)
        UNROLL for (std::uint32_t i = 0; i < 4; ++i) scores[s][n][i] = 0;
    const auto* query = shared + (warp_row() + lane() % 16) * pitch + lane() / 16 * 16;
    const auto* key = keys_at(tile) + (lane() / 16 * 8 + lane() % 8) * pitch + lane() / 8 % 2 * 16;
    UNROLL for (std::uint32_t k = 0; k < dim_max / 16; ++k) {
      if (!exact && k * 16 >= dim()) break;
      std::uint32_t a[strips][4];
      UNROLL for (std::uint32_t s = 0; s < strips; ++s) ldmatrix_x4(a[s], query + s * 16 * pitch + k * 32);
      UNROLL for (std::uint32_t n = 0; n < keys / 16; ++n) {
        std::uint32_t b[4];
        ldmatrix_x4(b, key + n * 16 * pitch + k * 32);
        UNROLL for (std::uint32_t s = 0; s < strips; ++s) {
          mma_16x8x16(scores[s][2 * n], a[s], {b[0], b[1]});
          mma_16x8x16(scores[s][2 * n + 1], a[s], {b[2], b[3]});
        }
      }
    }
  }

  /// A row sees keys up to its own position.
  DEVICE void mask(std::uint32_t tile) {
    auto key = tile * keys + lane() % 4 * 2;
    UNROLL for (std::uint32_t s = 0; s < strips; ++s) UNROLL for (std::uint32_t half = 0; half < 2; ++half) {
      auto position = positions()[warp_row() + s * 16 + half * 8 + lane() / 4];
      UNROLL for (std::uint32_t n = 0; n < keys / 8; ++n)
          UNROLL for (std::uint32_t i = 0; i < 2; ++i) if (key + n * 8 + i > position) scores[s][n][half * 2 + i] =
              minus_infinity();
    }
  }

  /// Finds the largest scores, and brings what was gathered so far to their scale.
  DEVICE void rescale() {
    float shrink[strips][2];
    bool shrinks = false;
    UNROLL for (std::uint32_t s = 0; s < strips; ++s) UNROLL for (std::uint32_t half = 0; half < 2; ++half) {
      float top = best[s][half];
      UNROLL for (std::uint32_t n = 0; n < keys / 8; ++n) top =
          fmaxf(top, fmaxf(scores[s][n][half * 2], scores[s][n][half * 2 + 1]));
      top = fmaxf(top, shuffle_xor(top, 1));
      top = fmaxf(top, shuffle_xor(top, 2));
      shrink[s][half] = exp2_fast(best[s][half] - top);
      shrinks = shrinks || top != best[s][half];
      best[s][half] = top;
      sum[s][half] *= shrink[s][half];
    }
    if (!vote_any(shrinks)) return;
    UNROLL for (std::uint32_t s = 0; s < strips; ++s) UNROLL for (std::uint32_t n = 0; n < dim_max / 8; ++n)
        UNROLL for (std::uint32_t i = 0; i < 4; ++i) gathered[s][n][i] *= shrink[s][i / 2];
  }

  /// Turns two scores into the weights of one word of the k-th 16 keys.
  DEVICE void weigh(std::uint32_t k, std::uint32_t word) {
    auto s = word / 4, n = k * 2 + word % 4 / 2, half = word % 2;
    float first = exp2_fast(scores[s][n][half * 2] - best[s][half]);
    float second = exp2_fast(scores[s][n][half * 2 + 1] - best[s][half]);
    sum[s][half] += first + second;
    weights[k % 2][s][word % 4] = to_bf16x2(first, second);
  }

  /// What is done beside the tensor cores' work on this tile, after its products so far: weights of the keys that come
  /// next, then the rotation of the next tile's keys.
  template <bool has_next>
  DEVICE void work_beside(std::uint32_t product, rotation& r, std::uint32_t tile, std::uint32_t last) {
    auto k = product / columns + 1;
    UNROLL for (std::uint32_t word = 0; word < strips * 4;
                ++word) if (k < parts && word * columns / (strips * 4) == product % columns) weigh(k, word);
    constexpr std::uint32_t span = parts * columns * 3 / 4 / layout::steps,
                            start = parts * columns - layout::steps * span;
    static_assert(span >= 4);
    if (!has_next || !rotates || product < start) return;
    auto at = (product - start) % span;
    if (at == 0) r = begin_rotation(tile + 1, (product - start) / span, last);
    if (at >= span - 4) rotate_word(r.pairs, r.angles, at - (span - 4));
    if (at == span - 1) end_rotation(r);
  }

  /// gathered += weights · values, and rotates the keys of the next tile, if there is one.
  template <bool has_next>
  DEVICE void gather(std::uint32_t tile, std::uint32_t last) {
    const auto* value = values_at(tile) + (lane() % 16) * pitch + lane() / 16 * 16;
    rotation r{};
    UNROLL for (std::uint32_t k = 0; k < parts; ++k) {
      UNROLL for (std::uint32_t word = 0; word < strips * 4; ++word) if (!exact || k == 0) weigh(k, word);
      UNROLL for (std::uint32_t n = 0; n < columns; ++n) {
        if (!exact && n * 16 >= dim()) break;
        std::uint32_t b[4];
        ldmatrix_x4_transposed(b, value + k * 16 * pitch + n * 32);
        UNROLL for (std::uint32_t s = 0; s < strips; ++s) {
          mma_16x8x16(gathered[s][2 * n], weights[k % 2][s], {b[0], b[1]});
          mma_16x8x16(gathered[s][2 * n + 1], weights[k % 2][s], {b[2], b[3]});
        }
        if (exact) work_beside<has_next>(k * columns + n, r, tile, last);
      }
    }
    if (has_next && !exact) rotate_keys(tile + 1, last);
  }

  /// Everything of a tile; its keys are rotated, its values are there.
  template <bool has_next>
  DEVICE void attend(std::uint32_t tile, std::uint32_t last) {
    if (tile < tiles_seen) {
      score(tile);
      if (tile >= tiles_whole) mask(tile);
      if (has_next) copy_async_wait<1>();  // this thread's keys of the next tile
      rescale();
      gather<has_next>(tile, last);
    } else if (has_next) {
      copy_async_wait<1>();
      rotate_keys(tile + 1, last);
    }
  }

  DEVICE void begin(const prefill_share& share) {
    tiles_whole = (share.position(warp_row()) + 1) / keys;
    tiles_seen = warp_row() < share.rows ? share.position(warp_row() + layout::warp_rows - 1) / keys + 1 : 0;
    UNROLL for (std::uint32_t s = 0; s < strips; ++s) {
      UNROLL for (std::uint32_t half = 0; half < 2; ++half) {
        best[s][half] = minus_infinity();
        sum[s][half] = 0;
      }
      UNROLL for (std::uint32_t n = 0; n < dim_max / 8; ++n) UNROLL for (std::uint32_t i = 0; i < 4; ++i)
          gathered[s][n][i] = 0;
    }
  }

  /// Puts the warp's results where its queries were, and from there, in whole lines, to their rows.
  DEVICE void write(const prefill_share& share) {
    auto* own = shared + warp_row() * pitch;
    UNROLL for (std::uint32_t s = 0; s < strips; ++s) UNROLL for (std::uint32_t half = 0; half < 2; ++half) {
      float total = sum[s][half];
      total += shuffle_xor(total, 1);
      total += shuffle_xor(total, 2);
      auto inverse = 1.0f / total;
      auto* to = own + (s * 16 + half * 8 + lane() / 4) * pitch + lane() % 4 * 4;
      UNROLL for (std::uint32_t n = 0; n < dim_max / 8; ++n) * reinterpret_cast<std::uint32_t*>(to + n * 16) =
          to_bf16x2(gathered[s][n][half * 2] * inverse, gathered[s][n][half * 2 + 1] * inverse);
    }
    warp_barrier();
    auto chunks = dim() / 8;
    for (auto i = lane(); i < layout::warp_rows * chunks; i += 32) {
      auto row = warp_row() + i / chunks, chunk = i % chunks;
      if (row >= share.rows) break;
      auto at = std::size_t{share.sequence.first_row + share.token(row)} * args.shape.heads + share.head(row);
      store_16(args.out + at * dim() + chunk * 8, load_16(own + i / chunks * pitch + chunk * 16));
    }
  }

  DEVICE void run() {
    prefill_share share{args, layout::rows};
    if (share.rows == 0) return;
    auto last = share.position(share.rows - 1);
    auto tiles = last / keys + 1;
    const auto* page = keys_of(args, share.sequence.first_page, block_x(), 0);
    copy(0, page, last);
    if (tiles > 1) page = keys_of(args, share.sequence.first_page, block_x(), keys);
    load_queries(share);
    begin(share);
    copy_async_wait<1>();
    rotate_keys(0, last);
    for (std::uint32_t tile = 0; tile + 1 < tiles; ++tile) {
      copy_async_wait<0>();
      barrier();  // keys and values of this tile are there, and nobody reads the last one
      copy(tile + 1, page, last);
      if (tile + 2 < tiles) page = keys_of(args, share.sequence.first_page, block_x(), (tile + 2) * keys);
      attend<true>(tile, last);
    }
    copy_async_wait<0>();
    barrier();
    attend<false>(tiles - 1, last);
    if (tiles_seen > 0) write(prefill_share{args, layout::rows});  // again, to have the registers meanwhile
  }
};

template <std::uint32_t dim_max, bool exact, bool rotates>
KERNEL_BOUNDS(prefill_layout<dim_max>::threads, 1)
void prefill(attention_args args) {
  prefill_block<dim_max, exact, rotates>{args}.run();
}

template <std::uint32_t dim_max, bool exact, bool rotates = true>
void launch_prefill(stream queue, const attention_args& args) {
  using layout = prefill_layout<dim_max>;
  auto rows = attention_prefill_rows * (args.shape.heads / args.shape.kv_heads);
  LAUNCH((prefill<dim_max, exact, rotates>),
         grid{args.shape.kv_heads, (rows + layout::rows - 1) / layout::rows, args.piece_count}, layout::threads,
         layout::shared_bytes, queue, args);
}

}  // namespace

void attention_prefill(stream queue, const attention_args& args) {
  auto dim = args.shape.head_dim;
  if (dim == 64)
    args.keys_rotated ? launch_prefill<64, true, false>(queue, args) : launch_prefill<64, true>(queue, args);
  else if (dim == 128)
    args.keys_rotated ? launch_prefill<128, true, false>(queue, args) : launch_prefill<128, true>(queue, args);
  else if (dim < 128)
    launch_prefill<128, false>(queue, args);
  else
    launch_prefill<256, false>(queue, args);
}

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda

/// Causal attention of many new tokens of a sequence over its pages, on tensor cores, flash style: a block keeps its
/// queries in shared memory and goes through the keys' tiles in the order of their positions, with a running maximum
/// and sum per row.
///
/// A block has up to 128 rows (4 warps of 32; 64 rows, 4 warps of 16, above 128 dimensions), and two blocks share a
/// multiprocessor: one computes while the other waits. A row is a token and one of the query heads that share a head of
/// keys: number token · group + head, so heads of a group read a tile once. Blocks: x = head of keys, y = which rows of
/// a piece, from the last, z = pieces, from the last.
///
/// Shared memory: queries (rotated, scaled), two tiles of keys, two of values, positions of the rows. A tile has 64
/// keys (32 above 128 dimensions). Rows are 16 bytes longer than their values, so that the eight rows of a matrix that
/// ldmatrix reads lie in different banks.
///
/// Keys come rotated where args.rotated_keys is given: new tokens' from store.cu, histories' from attention_rotate.cu.
/// Else each block rotates its own, with the same roundings: while a tile is worked on, cp.async brings the next one,
/// and when its keys are there each thread rotates those that it copied itself, in place, between the products of
/// weights and values. One barrier per tile then shows the rotated keys, and the values, to all.
///
/// A row's result depends on its sequence and position only: tiles begin at fixed positions, and a tile that a row does
/// not see changes nothing for it (weights 0, scale 1). So do parts of prefill_part_tokens keys: sums begin afresh with
/// each and are then added to those of the parts before, with the same roundings whether a block goes through all parts
/// (it leaves its sums in scratch meanwhile) or each part has its own blocks (attention_prefill_combine.cu).
///
/// Address and bounds. Rows: those below share.rows are of the piece, hence below batch.rows; others are not read
/// (zeros) nor written. Pages: tiles end at the position of the block's last row, so page numbers stay below the
/// sequence's pages; copies of slots beyond that position are zeros and not read, rotated or not. Tables: positions up
/// to that one. Scratch: [share][part, if parts have blocks][float][thread] with share.number below pieces · shares of
/// a piece · kv_heads. Shared memory: rows · pitch for queries and each tile's keys · pitch, where every access is
/// row · pitch + at most 2 · head_dim bytes. Copies: 16 bytes at multiples of 16, as head_dim is a multiple of 16 and
/// offsets of slices are.
///
/// sm_90, as ptxas says (128 dimensions, keys rotated before): 255 registers and 80 bytes of stack, most for the sums
/// between parts; 48 bytes where each part has its own blocks. 64 dimensions: up to 232 registers, no spills. 104,960
/// and 55,808 bytes of shared memory; two blocks of 4 warps per multiprocessor in both cases.

#include "gpu/cuda/kernels/attention_prefill_state.cuh"
#include "gpu/cuda/kernels/launchers.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {

const std::uint32_t attention_prefill_rows = prefill_piece_rows;

namespace {

template <std::uint32_t dim_max, bool exact, bool rotates>
struct prefill_block : prefill_state<dim_max, exact> {
  using layout = prefill_layout<dim_max>;
  using state = prefill_state<dim_max, exact>;
  using state::args, state::shared, state::gathered, state::best, state::sum;
  using state::dim, state::warp_row, state::positions, state::place, state::leave, state::forget, state::write;
  static constexpr std::uint32_t strips = layout::strips, pitch = layout::pitch, keys = layout::keys;
  static constexpr std::uint32_t parts = keys / 16, columns = dim_max / 16;
  static constexpr std::uint32_t words = strips * 4;  ///< of weights, of 16 keys

  std::uint32_t first_rotated = 0;
  std::uint32_t tiles_seen;   ///< by any row of the warp
  std::uint32_t tiles_whole;  ///< seen by all rows of the warp, whole
  float scores[strips][keys / 8][4];
  std::uint32_t weights[2][strips][4];  ///< of two times 16 keys in turn

  DEVICE explicit prefill_block(const attention_args& of) : state{of} {}
  DEVICE bool rotating() const { return exact ? rotates : !args.keys_rotated && !args.rotated_keys; }
  DEVICE const std::byte* rotated_at(std::uint32_t tile) const {
    auto page = first_rotated + tile * keys / page_tokens;
    return reinterpret_cast<const std::byte*>(
        args.rotated_keys + (std::size_t{page} * args.shape.kv_heads + block_x()) * page_tokens * dim());
  }
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
      store_16(shared + row * pitch + chunk * 16 + dim(), pairs.high);
    }
    for (auto row = thread_x(); row < layout::rows; row += layout::threads) positions()[row] = share.position(row);
  }

  /// A thread copies those keys that it will rotate: eight pairs of dimensions at a time. Slots that the block does not
  /// see become zeros.
  DEVICE void copy_keys(std::uint32_t tile, const std::byte* page, std::uint32_t last) const {
    if (args.rotated_keys) page = rotated_at(tile);
    auto chunks = dim() / 16, base = tile * keys;
    auto* to = keys_at(tile);
    UNROLL for (std::uint32_t s = 0; s < layout::steps; ++s) {
      auto i = thread_x() + s * layout::threads;
      auto key = i / chunks, chunk = i % chunks;
      if (!exact && i >= keys * chunks) break;
      const auto* from = page + ((base % page_tokens + key) * dim() + chunk * 8) * sizeof(std::uint16_t);
      copy_async_16(to + key * pitch + chunk * 16, from, base + key <= last);
      copy_async_16(to + key * pitch + chunk * 16 + dim(), from + dim(), base + key <= last);
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
    unsigned char* at;
    eight_pairs pairs;
    eight_angles angles;
  };

  DEVICE rotation begin_rotation(std::uint32_t tile, std::uint32_t step, std::uint32_t last) const {
    auto chunks = dim() / 16;
    auto i = thread_x() + step * layout::threads;
    auto key = i / chunks, chunk = i % chunks;
    auto position = tile * keys + key;
    auto* at = keys_at(tile) + key * pitch + chunk * 16;
    return {at,
            {load_16(at), load_16(at + dim())},
            load_angles(args.shape, dim() / 2, position < last ? position : last, chunk * 8)};
  }

  DEVICE void end_rotation(const rotation& r) const {
    store_16(r.at, r.pairs.low);
    store_16(r.at + dim(), r.pairs.high);
  }

  DEVICE void rotate_keys(std::uint32_t tile, std::uint32_t last) const {
    if (!rotating()) return;
    UNROLL for (std::uint32_t s = 0; s < layout::steps; ++s) {
      if (!exact && thread_x() + s * layout::threads >= keys * dim() / 16) break;
      auto r = begin_rotation(tile, s, last);
      rotate(r.pairs, r.angles);
      end_rotation(r);
    }
  }

  /// scores = queries · keys
  DEVICE void score(std::uint32_t tile) {
    UNROLL for (std::uint32_t s = 0; s < strips; ++s) {
      UNROLL for (std::uint32_t i = 0; i < keys / 8 * 4; ++i) scores[s][i / 4][i % 4] = 0;
    }
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
    UNROLL for (std::uint32_t i = 0; i < strips * 2; ++i) {
      auto s = i / 2, half = i % 2;
      auto position = positions()[warp_row() + i * 8 + lane() / 4];
      UNROLL for (std::uint32_t n = 0; n < keys / 8; ++n) {
        if (key + n * 8 > position) scores[s][n][half * 2] = minus_infinity();
        if (key + n * 8 + 1 > position) scores[s][n][half * 2 + 1] = minus_infinity();
      }
    }
  }

  /// Finds the largest scores, and brings what was gathered so far to their scale.
  DEVICE void rescale() {
    float shrink[strips][2];
    bool shrinks = false;
    UNROLL for (std::uint32_t i = 0; i < strips * 2; ++i) {
      auto s = i / 2, half = i % 2;
      float top = best[s][half];
      UNROLL for (std::uint32_t n = 0; n < keys / 8; ++n) {
        top = fmaxf(top, fmaxf(scores[s][n][half * 2], scores[s][n][half * 2 + 1]));
      }
      top = fmaxf(top, shuffle_xor(top, 1));
      top = fmaxf(top, shuffle_xor(top, 2));
      shrink[s][half] = exp2_fast(best[s][half] - top);
      shrinks = shrinks || top != best[s][half];
      best[s][half] = top;
      sum[s][half] *= shrink[s][half];
    }
    if (!vote_any(shrinks)) return;
    UNROLL for (std::uint32_t s = 0; s < strips; ++s) {
      UNROLL for (std::uint32_t i = 0; i < dim_max / 2; ++i) gathered[s][i / 4][i % 4] *= shrink[s][i % 4 / 2];
    }
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
    UNROLL for (std::uint32_t word = 0; word < words; ++word) {
      if (k < parts && word * columns / words == product % columns) weigh(k, word);
    }
    constexpr std::uint32_t span = parts * columns * 3 / 4 / layout::steps;  // products to a step of the rotation
    constexpr std::uint32_t start = parts * columns - layout::steps * span;
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
      UNROLL for (std::uint32_t word = 0; word < words; ++word) {
        if (!exact || k == 0) weigh(k, word);
      }
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
    forget();
  }

  /// Of tiles first … end - 1; `split`: one part only.
  template <bool split>
  DEVICE void go_through(const prefill_share& share, std::uint32_t first, std::uint32_t end, std::uint32_t last) {
    const auto* page = keys_of(args, share.sequence.first_page, block_x(), first * keys);
    copy(first, page, last);
    if (first + 1 < end) page = keys_of(args, share.sequence.first_page, block_x(), (first + 1) * keys);
    load_queries(share);
    begin(share);
    copy_async_wait<1>();
    rotate_keys(first, last);
    for (auto tile = first; tile + 1 < end; ++tile) {
      copy_async_wait<0>();
      barrier();  // keys and values of this tile are there, and nobody reads the last one
      copy(tile + 1, page, last);
      if (tile + 2 < end) page = keys_of(args, share.sequence.first_page, block_x(), (tile + 2) * keys);
      attend<true>(tile, last);
      if (!split && (tile + 1) % layout::part_tiles == 0) {
        auto part = tile / layout::part_tiles;
        auto* before = place(share.number);
        if (part > 0) this->template add<false>(before, part);
        leave(before);
        forget();
      }
    }
    copy_async_wait<0>();
    barrier();
    attend<false>(end - 1, last);
  }

  template <bool split>
  DEVICE void run() {
    prefill_share share{args, layout::rows};
    if (share.rows == 0) return;
    first_rotated = share.sequence.first_rotated;
    auto last = share.position(share.rows - 1);
    auto tiles = last / keys + 1;
    if (split) {
      auto part = block_y() / (prefill_piece_rows / layout::rows * share.group), first = part * layout::part_tiles;
      if (first >= tiles) return;
      auto end = tiles - first < layout::part_tiles ? tiles : first + layout::part_tiles;
      go_through<true>(share, first, end, last);
      if (tiles > layout::part_tiles) return leave(place(share.number * parts_max(args) + part));
    } else {
      go_through<false>(share, 0, tiles, last);
      auto part = (tiles - 1) / layout::part_tiles;
      if (part > 0) this->template add<false>(place(share.number), part);
    }
    if (tiles_seen > 0) write(prefill_share{args, layout::rows});  // again, to have the registers meanwhile
  }
};

template <std::uint32_t dim_max, bool exact, bool rotates, bool split>
KERNEL_BOUNDS(prefill_layout<dim_max>::threads, 8 / prefill_warps)
void prefill(attention_args args) {
  prefill_block<dim_max, exact, rotates>{args}.template run<split>();
}

template <std::uint32_t dim_max, bool exact, bool rotates>
void launch_prefill(stream queue, const attention_args& args) {
  using layout = prefill_layout<dim_max>;
  auto blocks = prefill_blocks<dim_max>(args);
  auto parts = pieces_of(args.context_max, prefill_part_tokens);
  if (parts > 1 && !prefill_splits(args.piece_count, args.context_max, args.shape.heads)) {
    LAUNCH((prefill<dim_max, exact, rotates, false>), blocks, layout::threads, layout::shared_bytes, queue, args);
    return;
  }
  grid spread{blocks.x, blocks.y * parts, blocks.z};
  LAUNCH((prefill<dim_max, exact, rotates, true>), spread, layout::threads, layout::shared_bytes, queue, args);
  if (parts > 1) combine_prefill(queue, args);
}

template <std::uint32_t dim_max, bool exact>
void launch_prefill(stream queue, const attention_args& args) {
  if (args.keys_rotated || args.rotated_keys)
    launch_prefill<dim_max, exact, false>(queue, args);
  else
    launch_prefill<dim_max, exact, true>(queue, args);
}

}  // namespace

void attention_prefill(stream queue, const attention_args& args) {
  check(args);
  auto floats = prefill_scratch_floats(args.piece_count, args.context_max, args.shape.heads, args.shape.head_dim);
  CHROMATIN_CHECK(floats == 0 || args.scratch, "parts have a place");
  auto dim = args.shape.head_dim;
  if (args.rotated_keys) rotate_history(queue, args);
  if (dim == 64)
    launch_prefill<64, true>(queue, args);
  else if (dim == 128)
    launch_prefill<128, true>(queue, args);
  else if (dim < 128)
    launch_prefill<128, false>(queue, args);
  else
    launch_prefill<256, false>(queue, args);
}

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda

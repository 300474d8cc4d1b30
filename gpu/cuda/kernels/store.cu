/// What comes out of the product for queries, keys and values: adds the bias in place, and puts keys (not rotated) and
/// values into the pages of their sequences; for prefill it also puts the keys, rotated, into
/// attention_args::rotated_keys, while it has them. Bound by memory.
///
/// A thread has eight pairs of dimensions of one head, as rotation pairs them: twice 16 bytes, half a head apart, and
/// neighbours have neighbouring ones. Blocks: x = rows, y = pieces of a row. Without a bias the queries stay as they
/// are and are not read.
///
/// Address and bounds: a row is [heads + 2 · kv_heads][head_dim] values, and head_dim is a multiple of 16, so a head is
/// a whole number of threads' values and threads beyond the row's last head end. A row's sequence is `none` or below
/// sequence_count; its position divided by 64 is below the number of its pages (the caller has them ready before the
/// step), and the slot below 64: the place in the page is within [kv_head][64][head_dim] of its slice's keys or values.
/// The rotated key's page is as far behind first_rotated as its page behind first_page, with room for as many, and its
/// place there is the same. Tables are read at the row's position, of a context that attention_prefill checks. 16 bytes
/// at multiples of 16.
///
/// sm_90, as ptxas says: 48 registers, no spills.

#include "gpu/cuda/kernels/attention.cuh"
#include "gpu/cuda/kernels/launchers.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {
namespace {

constexpr std::uint32_t threads = 128, values = 16;

DEVICE words_16 with_bias(words_16 v, const float* bias) {
  UNROLL for (std::uint32_t half = 0; half < 2; ++half) {
    auto b = load_16(bias + half * 4);
    UNROLL for (std::uint32_t i = 0; i < 2; ++i) {
      auto& two = v.w[half * 2 + i];
      two = to_bf16x2(low_bf16(two) + float_of(b.w[2 * i]), high_bf16(two) + float_of(b.w[2 * i + 1]));
    }
  }
  return v;
}

/// Of a head, at `to`.
DEVICE void store_pairs(std::uint16_t* to, std::uint32_t head_dim, const eight_pairs& pairs) {
  store_16(to, pairs.low);
  store_16(to + head_dim / 2, pairs.high);
}

/// The first heads of each row are left out.
template <bool rotates>
KERNEL_BOUNDS(threads, 8)
void store_rows(batch_view batch, attention_shape shape, const float* bias, std::uint32_t first_head,
                std::uint16_t* qkv, std::uint16_t* rotated_keys) {
  admit_later_kernels();
  await_earlier_kernels();
  auto row = block_x(), number = batch.sequence_of_row[row];
  auto dim = shape.head_dim, heads = shape.heads + 2 * shape.kv_heads, chunks = dim / values;
  auto chunk = block_y() * threads + thread_x();
  auto head = first_head + chunk / chunks, pair = chunk % chunks * 8;
  if (number == batch_view::none || head >= heads) return;
  auto* at = qkv + (std::size_t{row} * heads + head) * dim + pair;
  eight_pairs pairs{load_16(at), load_16(at + dim / 2)};
  if (bias) {
    const auto* of_head = bias + head * dim + pair;
    pairs = {with_bias(pairs.low, of_head), with_bias(pairs.high, of_head + dim / 2)};
    store_pairs(at, dim, pairs);
  }
  if (head < shape.heads) return;
  head -= shape.heads;
  bool is_value = head >= shape.kv_heads;
  if (is_value) head -= shape.kv_heads;
  auto sequence = batch.sequences[number];
  auto position = sequence.position + row - sequence.first_row;
  auto page = position / page_tokens, slot = position % page_tokens * dim + pair;
  auto* slice = batch.pages[sequence.first_page + page] + shape.keys_offset + (is_value ? shape.values_offset : 0);
  store_pairs(reinterpret_cast<std::uint16_t*>(slice) + std::size_t{head} * page_tokens * dim + slot, dim, pairs);
  if (!rotates || is_value || sequence.first_rotated == sequence_view::none) return;
  rotate(pairs, load_angles(shape, dim / 2, position, pair));
  store_pairs(rotated_page(rotated_keys, shape, sequence.first_rotated + page, head) + slot, dim, pairs);
}

}  // namespace

void store(stream queue, const batch_view& batch, const attention_shape& shape, const float* bias, std::uint16_t* qkv,
           std::uint16_t* rotated_keys) {
  CHROMATIN_CHECK(shape.head_dim > 0 && shape.head_dim % 16 == 0, "a head has a multiple of 16 values");
  CHROMATIN_CHECK(shape.keys_offset % 16 == 0 && shape.values_offset % 16 == 0 && aligned_16(qkv) && aligned_16(bias),
                  "slices and rows are aligned to 16");
  CHROMATIN_CHECK(!rotated_keys || (shape.cosines && shape.sines && aligned_16(rotated_keys) &&
                                    aligned_16(shape.cosines) && aligned_16(shape.sines)),
                  "rotation has tables, aligned to 16");
  auto first_head = bias ? 0 : shape.heads;
  auto columns = (shape.heads + 2 * shape.kv_heads - first_head) * shape.head_dim;
  grid blocks{batch.rows, pieces_of(columns, threads * values)};
  if (rotated_keys)
    LAUNCH_EARLY((store_rows<true>), blocks, threads, 0, queue, batch, shape, bias, first_head, qkv, rotated_keys);
  else
    LAUNCH_EARLY((store_rows<false>), blocks, threads, 0, queue, batch, shape, bias, first_head, qkv, rotated_keys);
}

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda

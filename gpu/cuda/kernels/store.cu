/// What comes out of the product for queries, keys and values: adds the bias in place, and puts keys (not rotated) and
/// values into the pages of their sequences.
///
/// A thread has 8 values, 16 bytes, of one head. Blocks: x = rows, y = pieces of a row. Without a bias the queries stay
/// as they are and are not read.
///
/// Address and bounds: a row is [heads + 2 · kv_heads][head_dim] values, a multiple of 16, and threads beyond it end.
/// head_dim is a multiple of 16, so 8 values never lie in two heads. A row's sequence is `none` or below
/// sequence_count; its position divided by 64 is below the number of its pages (the caller has them ready before the
/// step), and the slot below 64: the place in the page is within [kv_head][64][head_dim] of its slice's keys or values.

#include "gpu/cuda/kernels/launchers.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {
namespace {

constexpr std::uint32_t threads = 128, values = 8;

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

/// `first` values of each row are left out.
KERNEL_BOUNDS(threads, 8)
void store_rows(batch_view batch, attention_shape shape, const float* bias, std::uint32_t first, std::uint16_t* qkv) {
  admit_later_kernels();
  await_earlier_kernels();
  auto row = block_x();
  auto number = batch.sequence_of_row[row];
  auto columns = (shape.heads + 2 * shape.kv_heads) * shape.head_dim;
  auto column = first + (block_y() * threads + thread_x()) * values;
  if (number == batch_view::none || column >= columns) return;
  auto* at = qkv + std::size_t{row} * columns + column;
  auto v = load_16(at);
  if (bias) {
    v = with_bias(v, bias + column);
    store_16(at, v);
  }
  auto head = column / shape.head_dim;
  if (head < shape.heads) return;
  head -= shape.heads;
  bool is_value = head >= shape.kv_heads;
  if (is_value) head -= shape.kv_heads;
  auto sequence = batch.sequences[number];
  auto position = sequence.position + row - sequence.first_row;
  auto* page = batch.pages[sequence.first_page + position / page_tokens];
  auto slot = head * page_tokens + position % page_tokens;
  auto* slice = reinterpret_cast<std::uint16_t*>(page + shape.keys_offset + (is_value ? shape.values_offset : 0));
  store_16(slice + std::size_t{slot} * shape.head_dim + column % shape.head_dim, v);
}

}  // namespace

void store(stream queue, const batch_view& batch, const attention_shape& shape, const float* bias, std::uint16_t* qkv) {
  CHROMATIN_CHECK(shape.head_dim > 0 && shape.head_dim % 16 == 0, "a head has a multiple of 16 values");
  CHROMATIN_CHECK(shape.keys_offset % 16 == 0 && shape.values_offset % 16 == 0 && aligned_16(qkv) && aligned_16(bias),
                  "slices and rows are aligned to 16");
  auto first = bias ? 0 : shape.heads * shape.head_dim;
  auto columns = (shape.heads + 2 * shape.kv_heads) * shape.head_dim;
  LAUNCH_EARLY(store_rows, (grid{batch.rows, pieces_of(columns - first, threads * values)}), threads, 0, queue, batch,
               shape, bias, first, qkv);
}

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda

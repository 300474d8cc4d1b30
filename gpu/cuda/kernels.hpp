#pragma once

/// The CUDA executor's own kernels, as a table of launchers: one table for the device (compiled by nvcc), one emulated
/// on the host (compiled by the C++ compiler from the same sources). Launchers enqueue in a stream and return. C++17.
///
/// All pointers are of the device's memory unless they say otherwise. bf16 values are their upper 16 bits.

#include <cstddef>
#include <cstdint>

namespace chromatin::gpu::cuda {

/// A queue of work of a device; a cudaStream_t, or the emulation's.
using stream = struct stream_handle*;

inline constexpr std::uint32_t page_tokens = 64;

/// One sequence's part of a step.
struct sequence_view {
  std::uint32_t first_row = 0;   ///< of its new tokens, which are side by side in the batch
  std::uint32_t rows = 0;        ///< new tokens
  std::uint32_t position = 0;    ///< of the first of them: so many tokens are in its pages already
  std::uint32_t first_page = 0;  ///< in batch_view::pages
  /// Of its rotated keys, in attention_args::rotated_keys; for attention_prefill with these only.
  std::uint32_t first_rotated = none;
  static constexpr std::uint32_t none = ~std::uint32_t{0};
};

/// What the kernels of a layer know of the batch.
struct batch_view {
  const sequence_view* sequences = nullptr;
  std::uint32_t sequence_count = 0;
  const std::uint32_t* sequence_of_row = nullptr;  ///< `none` for a row whose sequence left the step
  static constexpr std::uint32_t none = ~std::uint32_t{0};
  std::uint32_t rows = 0;
  std::byte* const* pages = nullptr;  ///< of all sequences, one after the other
};

/// Shape of attention and of a page's slices (kv::geometry, bf16).
struct attention_shape {
  std::uint32_t heads = 0, kv_heads = 0;
  std::uint32_t head_dim = 0;  ///< a multiple of 16, at most 256
  /// Of this layer's keys in a page: [kv_head][64 slots][head_dim], not rotated; values are so many bytes further.
  std::size_t keys_offset = 0, values_offset = 0;
  const float *cosines = nullptr, *sines = nullptr;  ///< [position][head_dim / 2], for Hugging Face's halves
  float scale = 0;                                   ///< of the scores: 1 / √head_dim
};

/// A piece of attention's work: query rows of one sequence.
struct attention_piece {
  std::uint32_t sequence = 0;
  std::uint32_t first = 0;  ///< row within the sequence
  std::uint32_t rows = 0;
};

struct attention_args {
  batch_view batch;
  attention_shape shape;
  /// [row][heads + 2 · kv_heads][head_dim] bf16, as the product gave them (with biases, without rotation).
  const std::uint16_t* qkv = nullptr;
  std::uint16_t* out = nullptr;             ///< [row][heads][head_dim] bf16
  const attention_piece* pieces = nullptr;  ///< in the device
  std::uint32_t piece_count = 0;
  std::uint32_t context_max = 0;  ///< the longest history with its new tokens among the pieces' sequences
  std::uint32_t history_max = 0;  ///< the longest history alone; for rotated_keys only
  float* scratch = nullptr;       ///< attention_scratch_floats(…) or prefill_scratch_floats(…), which may be 0
  /// attention_prefill only: [rotated page][kv_head][64][head_dim] bf16, of sequences that have a `first_rotated` (all
  /// of its pieces' have). `store` left the new tokens' keys there; those of histories are rotated now, once for all
  /// blocks. Null: each block rotates keys itself.
  std::uint16_t* rotated_keys = nullptr;
  std::uint32_t* turns = nullptr;  ///< attention_decode only: [piece][head] zeros, which it leaves as zeros
  bool keys_rotated = false;       ///< for measuring only: takes keys as they are
};

/// Keys of one part of a decode's split, for a row with so many keys: of its position and the model only, so that its
/// result does not depend on who shares its batch. Small parts where one row would leave much of a device idle; large
/// ones cost less.
inline constexpr std::uint32_t split_tokens_least = 256, split_tokens_most = 512;
/// Rows have the small ones up to so many keys.
constexpr std::uint32_t split_least_until(std::uint32_t kv_heads) { return (1u << 16) / kv_heads; }
constexpr std::uint32_t split_tokens(std::uint32_t keys, std::uint32_t kv_heads) {
  return keys <= split_least_until(kv_heads) ? split_tokens_least : split_tokens_most;
}

/// Keys of one part in prefill; fixed, too.
inline constexpr std::uint32_t prefill_part_tokens = 1024;
/// Rows of attention_prefill's pieces at most.
inline constexpr std::uint32_t prefill_piece_rows = 128;

/// True if attention_prefill gives each part of the keys its own blocks: where there are few rows for a device's
/// multiprocessors. Results do not depend on it.
constexpr bool prefill_splits(std::size_t pieces, std::size_t context_max, std::size_t heads) {
  auto blocks = pieces * heads, parts = (context_max + prefill_part_tokens - 1) / prefill_part_tokens;
  return blocks <= 96 && parts > 1 && blocks * parts <= 4096;
}

/// What attention_prefill needs for `pieces`, if the longest history with its new tokens is `context_max`.
constexpr std::size_t prefill_scratch_floats(std::size_t pieces, std::size_t context_max, std::size_t heads,
                                             std::size_t head_dim) {
  auto parts = (context_max + prefill_part_tokens - 1) / prefill_part_tokens;
  auto dim_max = head_dim == 64 ? 64 : head_dim > 128 ? 256 : 128;
  auto states = parts <= 1 ? 0 : prefill_splits(pieces, context_max, heads) ? parts : 1;
  return pieces * states * prefill_piece_rows * heads * (dim_max + 8);
}

/// The most parts of rows that have up to `context_max` keys.
constexpr std::uint32_t split_parts(std::uint32_t context_max, std::uint32_t kv_heads) {
  auto small = split_least_until(kv_heads);
  if (small > context_max) small = context_max;
  auto of_small = (small + split_tokens_least - 1) / split_tokens_least;
  auto of_all = (context_max + split_tokens_most - 1) / split_tokens_most;
  return of_small > of_all ? of_small : of_all;
}

/// What attention_decode needs for `rows` rows, or more.
constexpr std::size_t attention_scratch_floats(std::size_t rows, std::size_t context_max, std::size_t heads,
                                               std::size_t head_dim) {
  return rows * ((context_max + split_tokens_least - 1) / split_tokens_least) * heads * (head_dim + 2);
}

/// A packed slice, or a slice of a page, whose 4 KiB pieces get checksums.
struct checksum_view {
  const std::byte* bytes = nullptr;  ///< aligned to 16
  std::uint32_t pieces = 0;
  std::uint32_t first = 0;  ///< of its checksums in `sums`
};

/// A token that a sampler may draw.
struct candidate {
  float logit = 0;
  std::uint32_t token = 0;
};

/// How many of them a row gives at most.
inline constexpr std::uint32_t candidates_max = 256;

/// What a sampler needs of all of a row's logits.
struct logits_summary {
  float largest = 0;
  float sum = 0;             ///< of e^(logit - largest)
  float tempered_sum = 0;    ///< of e^((logit - largest) · inverse temperature)
  std::uint32_t broken = 0;  ///< logits that are not finite; the rest says nothing then
};

/// What becomes of a product's float sums.
enum class product_result : std::uint8_t {
  bf16,        ///< y is bf16
  floats,      ///< y is float
  float_sums,  ///< y is float and is added to
};

/// The most rows that multiply_few takes.
inline constexpr std::uint32_t few_rows_max = 16;

struct kernel_table {
  const char* name;

  /// out[row] = the embedding of tokens[row], widened. A token beyond the vocabulary counts as its last.
  void (*embed)(stream, const std::uint16_t* table, std::uint32_t vocabulary, std::uint32_t hidden,
                const std::uint32_t* tokens, std::uint32_t rows, float* out);
  /// RMSNorm: out[i] = x[row_numbers ? row_numbers[i] : i] · gain / √(mean square + eps), rounded to bf16.
  void (*rms_norm)(stream, const float* x, const float* gain, float eps, std::uint32_t hidden,
                   const std::uint32_t* row_numbers, std::uint32_t rows, std::uint16_t* out);
  /// Adds the bias (of [heads + 2 · kv_heads][head_dim]; may be null) to qkv in place, and puts keys and values into
  /// their sequences' pages. Keys of sequences that have a `first_rotated` go rotated into `rotated_keys`, too, laid
  /// out as attention_args::rotated_keys, unless that is null.
  void (*store)(stream, const batch_view&, const attention_shape&, const float* bias, std::uint16_t* qkv,
                std::uint16_t* rotated_keys);
  /// Many query rows of a sequence: causal attention over its pages, on tensor cores. Pieces of up to
  /// `prefill_rows` rows.
  void (*attention_prefill)(stream, const attention_args&);
  /// Pieces of one row each, split over their keys.
  void (*attention_decode)(stream, const attention_args&);
  std::uint32_t prefill_rows;
  /// out[row][i] = silu(gate_up[row][i]) · gate_up[row][ffn + i]
  void (*silu_mul)(stream, const std::uint16_t* gate_up, std::uint32_t ffn, std::uint32_t rows, std::uint16_t* out);
  /// tokens[row] = the first of the largest logits of the row; `broken` counts logits that are not finite, by row.
  void (*argmax)(stream, const float* logits, std::uint32_t vocabulary, std::uint32_t rows, std::uint32_t* tokens,
                 std::uint32_t* broken);
  /// sums[view.first + p] = XXH3-64 of the view's p-th 4 KiB. `views` are in the host, and are read before this returns.
  void (*checksum)(stream, const checksum_view* views, std::uint32_t count, std::uint64_t* sums);
  /// The packed form (kv::geometry::packed) of a slice in a page and back; padding becomes zeros.
  void (*pack)(stream, const std::byte* slice, std::uint32_t heads, std::uint32_t head_bytes, std::uint32_t used_bytes,
               std::size_t packed_bytes, std::byte* packed);
  void (*unpack)(stream, const std::byte* packed, std::uint32_t heads, std::uint32_t head_bytes,
                 std::uint32_t used_bytes, std::byte* slice);
  /// The `count` likeliest of each row in model::sampler's order (logits falling, then tokens rising), out[row][count];
  /// where there are fewer, tokens of ~0 follow. `inverse_temperatures` are by row.
  void (*candidates)(stream, const float* logits, std::uint32_t vocabulary, std::uint32_t rows, std::uint32_t count,
                     const float* inverse_temperatures, candidate* out, logits_summary* summaries);
  /// y[row][o] = Σ_i x[row][i] · weights[o][i], or what `result` says, for 1 to few_rows_max rows. `inputs` is a
  /// multiple of 8; weights and x are aligned to 16. Reads of weights may begin before earlier kernels have ended. A
  /// row's result is the same whoever stands beside it, and however many.
  void (*multiply_few)(stream, const std::uint16_t* weights, std::uint32_t outputs, std::uint32_t inputs,
                       const std::uint16_t* x, std::uint32_t rows, product_result result, void* y);
};

/// Null where the project was built without nvcc.
const kernel_table* device_kernels();

}  // namespace chromatin::gpu::cuda

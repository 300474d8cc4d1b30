#pragma once

/// What the attention kernels share: where keys and values lie, and the rotation of queries and keys.

#include "gpu/cuda/kernels/device.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {

/// Scores are multiplied by this, so that the softmax can use powers of two.
inline constexpr float log2_e = 1.44269504f;

DEVICE float minus_infinity() { return float_of(0xff800000u); }

/// What both launchers count on; a kernel's threads would not notice.
inline void check(const attention_args& args) {
  const auto& shape = args.shape;
  CHROMATIN_CHECK(shape.head_dim > 0 && shape.head_dim % 16 == 0 && shape.head_dim <= 256,
                  "a head has a multiple of 16 values, at most 256");
  CHROMATIN_CHECK(shape.kv_heads > 0 && shape.heads % shape.kv_heads == 0, "heads share keys in groups of one size");
  CHROMATIN_CHECK(shape.keys_offset % 16 == 0 && shape.values_offset % 16 == 0 && aligned_16(args.qkv) &&
                      aligned_16(args.out) && aligned_16(shape.cosines) && aligned_16(shape.sines),
                  "slices, rows and tables are aligned to 16");
  CHROMATIN_CHECK(std::size_t{args.context_max} * shape.head_dim / 2 * sizeof(float) < std::size_t{1} << 32,
                  "the tables are smaller than 4 GiB");
  CHROMATIN_CHECK(args.piece_count <= 0xffff, "a grid has at most 65,535 pieces");
}

/// Eight neighbouring dimensions of the first half of a head, and the eight that they are paired with.
struct eight_pairs {
  words_16 low, high;
};

/// Cosines and sines for eight pairs at one position.
struct eight_angles {
  words_16 cosines[2], sines[2];
};

/// For pairs `pair`…`pair` + 7 of the tables' [position][half].
DEVICE eight_angles load_angles(const attention_shape& of, std::uint32_t half, std::uint32_t position,
                                std::uint32_t pair) {
  auto at = (position * half + pair) * std::uint32_t{sizeof(float)};  // tables are smaller than 4 GiB
  const auto *c = reinterpret_cast<const std::byte*>(of.cosines) + at,
             *s = reinterpret_cast<const std::byte*>(of.sines) + at;
  return {{load_16(c), load_16(c + 16)}, {load_16(s), load_16(s + 16)}};
}

/// Rotates pairs 2w and 2w + 1 of the eight, and multiplies them by `scale`.
DEVICE void rotate_word(eight_pairs& pairs, const eight_angles& by, std::uint32_t w, float scale = 1.0f) {
  float c0 = float_of(by.cosines[w / 2].w[w % 2 * 2]) * scale,
        c1 = float_of(by.cosines[w / 2].w[w % 2 * 2 + 1]) * scale;
  float s0 = float_of(by.sines[w / 2].w[w % 2 * 2]) * scale, s1 = float_of(by.sines[w / 2].w[w % 2 * 2 + 1]) * scale;
  float a0 = low_bf16(pairs.low.w[w]), a1 = high_bf16(pairs.low.w[w]);
  float b0 = low_bf16(pairs.high.w[w]), b1 = high_bf16(pairs.high.w[w]);
  pairs.low.w[w] = to_bf16x2(a0 * c0 - b0 * s0, a1 * c1 - b1 * s1);
  pairs.high.w[w] = to_bf16x2(b0 * c0 + a0 * s0, b1 * c1 + a1 * s1);
}

/// Rounded to bf16 at the end, as everything that goes into a product on tensor cores.
DEVICE void rotate(eight_pairs& pairs, const eight_angles& by, float scale = 1.0f) {
  UNROLL
  for (std::uint32_t w = 0; w < 4; ++w) rotate_word(pairs, by, w, scale);
}

/// Where a rotated key's head has its page in attention_args::rotated_keys; `page` counts from the first of all.
DEVICE std::uint16_t* rotated_page(std::uint16_t* rotated_keys, const attention_shape& shape, std::uint32_t page,
                                   std::uint32_t kv_head) {
  return rotated_keys + (std::size_t{page} * shape.kv_heads + kv_head) * page_tokens * shape.head_dim;
}

/// A row's heads in the product's result: queries, keys, values.
DEVICE const std::uint16_t* query_of(const attention_args& args, std::uint32_t row, std::uint32_t head) {
  auto heads = args.shape.heads + 2 * args.shape.kv_heads;
  return args.qkv + (std::size_t{row} * heads + head) * args.shape.head_dim;
}

/// Keys of a head in the page with this position; its values are shape.values_offset further.
DEVICE const std::byte* keys_of(const attention_args& args, std::uint32_t first_page, std::uint32_t kv_head,
                                std::uint32_t position) {
  auto head_bytes = std::size_t{page_tokens} * args.shape.head_dim * sizeof(std::uint16_t);
  return args.batch.pages[first_page + position / page_tokens] + args.shape.keys_offset + kv_head * head_bytes;
}

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda

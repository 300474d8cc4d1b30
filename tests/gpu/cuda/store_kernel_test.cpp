#include <cstdint>
#include <vector>

#include "gpu/cpu/kernels.hpp"
#include "kv/chunk.hpp"
#include "tests/gpu/cuda/device_fixture.hpp"

namespace chromatin::gpu::cuda {
namespace {

/// A batch of three sequences, of which the second left the step: one begins in the middle of a page, one at its start.
struct StoreKernel : on_a_device {
  static constexpr std::uint32_t layer = 1;

  void run(std::uint32_t heads, std::uint32_t kv_heads, std::uint32_t head_dim, bool with_bias) {
    kv::geometry shape{.layers = 2, .kv_heads = kv_heads, .head_dim = head_dim};
    auto columns = (heads + 2 * kv_heads) * head_dim;
    std::vector<sequence_view> sequences{{0, 70, 60, 0}, {70, 5, 0, 3}, {75, 65, 64, 4}};
    std::vector<std::uint32_t> sequence_of_row;
    for (std::uint32_t s = 0; s < sequences.size(); ++s)
      sequence_of_row.insert(sequence_of_row.end(), sequences[s].rows, s == 1 ? batch_view::none : s);
    auto rows = static_cast<std::uint32_t>(sequence_of_row.size());
    auto qkv = random_bf16(std::size_t{rows} * columns);
    auto bias = with_bias ? random_floats(columns) : std::vector<float>{};

    constexpr std::size_t page_count = 7;
    std::vector<std::vector<std::byte>> expected(page_count, std::vector<std::byte>(shape.chunk_bytes(), std::byte{9}));
    std::vector<fixture_array<std::byte>> pages;
    std::vector<std::byte*> page_numbers;
    for (const auto& page : expected) page_numbers.push_back(pages.emplace_back(put(page)));

    auto sequences_there = put(sequences);
    auto of_row_there = put(sequence_of_row);
    auto pages_there = put(page_numbers);
    auto qkv_there = put(qkv);
    auto bias_there = put(bias);
    batch_view batch{sequences_there, 3, of_row_there, rows, pages_there};
    attention_shape about{.heads = heads,
                          .kv_heads = kv_heads,
                          .head_dim = head_dim,
                          .keys_offset = shape.slice(layer).offset_bytes,
                          .values_offset = shape.values_offset_bytes()};
    kernels().store(queue, batch, about, with_bias ? static_cast<float*>(bias_there) : nullptr, qkv_there, nullptr);

    for (std::uint32_t row = 0; row < rows; ++row) {
      if (sequence_of_row[row] == batch_view::none) continue;
      const auto& s = sequences[sequence_of_row[row]];
      auto position = s.position + row - s.first_row;
      auto* values = qkv.data() + std::size_t{row} * columns;
      add(bias, values);
      auto* slice = expected[s.first_page + position / kv::tokens_per_chunk].data() + shape.slice(layer).offset_bytes;
      auto slot = position % kv::tokens_per_chunk * shape.token_bytes();
      for (std::uint32_t h = 0; h < 2 * kv_heads; ++h)  // values' heads follow the keys'
        std::memcpy(slice + h * shape.head_bytes() + slot, values + (heads + h) * head_dim, shape.token_bytes());
    }
    EXPECT_EQ(get(qkv_there), qkv);
    for (std::size_t page = 0; page < page_count; ++page)
      EXPECT_TRUE(get(pages[page]) == expected[page]) << "page " << page << ", head_dim " << head_dim;
  }

  static void add(const std::vector<float>& bias, std::uint16_t* values) {
    if (bias.empty()) return;
    std::vector<float> wide(bias.size());
    std::transform(values, values + bias.size(), wide.begin(), widen);
    gpu::kernels().add(wide.data(), bias.data(), bias.size(), 1);
    gpu::kernels().to_bf16(wide.data(), bias.size(), values);
  }
};
CHROMATIN_ON_A_DEVICE(StoreKernel);

TEST_P(StoreKernel, KeysAndValuesOfRowsInTheStepGoToTheirPages) {
  run(4, 4, 16, false);
  run(8, 1, 128, false);
}

TEST_P(StoreKernel, BiasIsAddedToQueriesKeysAndValues) {
  run(4, 2, 64, true);
  run(2, 1, 16, true);
}

/// Sequences in a batch for store and attention: rotated keys of some, in another order than their pages.
struct StoreRotates : on_a_device {
  using bits = std::vector<std::uint16_t>;
  static constexpr std::uint16_t garbage = 0x7fc1;
  static constexpr std::uint32_t page_count = 8, positions = 140, left_step = 1;

  /// The second left the step, the third is one that decodes.
  std::vector<sequence_view> sequences{{0, 70, 60, 0, 3}, {70, 5, 0, 3, 6}, {75, 1, 63, 4}, {76, 65, 65, 5, 0}};

  void run(std::uint32_t heads, std::uint32_t kv_heads, std::uint32_t head_dim, bool with_bias) {
    kv::geometry geometry{.layers = 1, .kv_heads = kv_heads, .head_dim = head_dim};
    auto columns = (heads + 2 * kv_heads) * head_dim, rows = sequences.back().first_row + sequences.back().rows;
    auto page_values = std::size_t{kv_heads} * page_tokens * head_dim;
    std::vector<std::uint32_t> sequence_of_row;
    for (std::uint32_t s = 0; s < sequences.size(); ++s)
      sequence_of_row.insert(sequence_of_row.end(), sequences[s].rows, s == left_step ? batch_view::none : s);
    auto memory = put(std::vector<std::byte>(page_count * geometry.chunk_bytes(), std::byte{9}));
    std::vector<std::byte*> page_numbers;
    for (std::size_t i = 0; i < page_count; ++i) page_numbers.push_back(memory + i * geometry.chunk_bytes());
    auto sequences_there = put(sequences);
    auto of_row_there = put(sequence_of_row);
    auto pages_there = put(page_numbers);
    auto qkv = put(random_bf16(std::size_t{rows} * columns));
    auto bias = put(random_floats(columns));
    auto cosines = put(random_floats(positions * head_dim / 2)), sines = put(random_floats(positions * head_dim / 2));
    auto rotated = put(bits(page_count * page_values, garbage)),
         expected = put(bits(page_count * page_values, garbage));
    attention_args args{.batch = {sequences_there, 4, of_row_there, rows, pages_there},
                        .shape = {.heads = heads,
                                  .kv_heads = kv_heads,
                                  .head_dim = head_dim,
                                  .values_offset = geometry.values_offset_bytes(),
                                  .cosines = cosines,
                                  .sines = sines},
                        .context_max = positions,
                        .history_max = positions,
                        .rotated_keys = expected};
    kernels().store(queue, args.batch, args.shape, with_bias ? static_cast<float*>(bias) : nullptr, qkv, rotated);

    // Attention without pieces only rotates histories: let them be what was stored.
    auto as_history = sequences;
    as_history[left_step].first_rotated = sequence_view::none;
    for (auto& s : as_history) s.position += s.rows;
    auto histories_there = put(as_history);
    args.batch.sequences = histories_there;
    kernels().attention_prefill(queue, args);
    EXPECT_TRUE(get(rotated) == without_old(get(expected), kv_heads, head_dim)) << "head_dim " << head_dim;
  }

  bits without_old(bits keys, std::uint32_t kv_heads, std::uint32_t head_dim) const {
    for (const auto& s : sequences)
      for (std::uint32_t p = 0; p < s.position && s.first_rotated != sequence_view::none; ++p)
        for (std::uint32_t h = 0; h < kv_heads; ++h) {
          auto page = std::size_t{s.first_rotated} + p / page_tokens;
          auto* key = &keys[((page * kv_heads + h) * page_tokens + p % page_tokens) * head_dim];
          std::fill_n(key, head_dim, garbage);
        }
    return keys;
  }
};
CHROMATIN_ON_A_DEVICE(StoreRotates);

TEST_P(StoreRotates, NewKeysAsAttentionRotatesHistories) {
  run(4, 4, 16, false);
  run(2, 1, 80, false);
  run(8, 2, 128, true);
}

}  // namespace
}  // namespace chromatin::gpu::cuda

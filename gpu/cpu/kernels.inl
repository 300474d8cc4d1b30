// The kernels' text, compiled once per instruction set (kernels_*.cpp), each time with CHROMATIN_KERNELS naming the
// table. Nothing here may call an inline function of another header: the linker could keep the copy made for a newer
// processor.

#include "gpu/cpu/kernels.hpp"
#include "gpu/cpu/lanes.inl"

namespace chromatin::gpu {
namespace {

constexpr std::uint32_t page_tokens = 64;
constexpr float lowest = -1e30f;

void rms_norm(const float* x, const float* gain, float eps, std::size_t n, float* out, std::uint16_t* out_bf16) {
  lanes squares{};
  std::size_t i = 0;
  for (; i + width <= n; i += width) squares += load(x + i) * load(x + i);
  float sum = sum_lanes(squares);
  for (; i < n; ++i) sum += x[i] * x[i];
  float scale = 1.0f / __builtin_sqrtf(sum / static_cast<float>(n) + eps);
  if (out_bf16)
    for (i = 0; i < n; ++i) out_bf16[i] = round_bf16(x[i] * scale * gain[i]);
  else
    for (i = 0; i < n; ++i) out[i] = x[i] * scale * gain[i];
}

template <class Gate>
inline void gate_mul(Gate gate_lanes, const float* gate_up, std::size_t n, float* out, std::uint16_t* out_bf16) {
  for (std::size_t i = 0; i < n; i += width) {
    auto count = n - i < width ? n - i : width;
    lanes gate{}, up{};
    if (count == width) {
      gate = load(gate_up + i);
      up = load(gate_up + n + i);
    } else {
      for (std::size_t j = 0; j < count; ++j) {
        gate[j] = gate_up[i + j];
        up[j] = gate_up[n + i + j];
      }
    }
    float result[width];
    store(result, gate_lanes(gate) * up);
    if (out_bf16)
      for (std::size_t j = 0; j < count; ++j) out_bf16[i + j] = round_bf16(result[j]);
    else
      for (std::size_t j = 0; j < count; ++j) out[i + j] = result[j];
  }
}

void silu_mul(const float* gate_up, std::size_t n, float* out, std::uint16_t* out_bf16) {
  gate_mul([](const lanes& x) { return silu_lanes(x); }, gate_up, n, out, out_bf16);
}

void gelu_mul(const float* gate_up, std::size_t n, float* out, std::uint16_t* out_bf16) {
  gate_mul([](const lanes& x) { return gelu_lanes(x); }, gate_up, n, out, out_bf16);
}

void add(float* x, const float* y, std::size_t n, float scale) {
  for (std::size_t i = 0; i < n; ++i) x[i] += y[i] * scale;
}

inline lanes capped(const lanes& x, float cap) { return tanh_lanes(x / cap) * cap; }

void soft_cap(float* x, std::size_t n, float cap) {
  auto whole = n / width * width;
  for (std::size_t i = 0; i < whole; i += width) store(x + i, capped(load(x + i), cap));
  for (std::size_t i = whole; i < n; ++i) x[i] = capped(lanes{} + x[i], cap)[0];
}

void rotate(float* head, const float* cosines, const float* sines, std::size_t rotary_dim, std::size_t head_dim,
            float scale) {
  auto half = rotary_dim / 2;
  for (std::size_t j = 0; j < half; ++j) {
    float a = head[j], b = head[half + j];
    head[j] = (a * cosines[j] - b * sines[j]) * scale;
    head[half + j] = (b * cosines[j] + a * sines[j]) * scale;
  }
  for (std::size_t j = rotary_dim; j < head_dim; ++j) head[j] *= scale;
}

void to_bf16(const float* x, std::size_t n, std::uint16_t* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = round_bf16(x[i]);
}

/// One token's stored key or value as float.
inline void widen(const std::byte* from, bool bf16, std::size_t n, float* out) {
  if (bf16) {
    auto values = reinterpret_cast<const std::uint16_t*>(from);
    for (std::size_t j = 0; j < n; ++j) out[j] = bits_to_float(std::uint32_t{values[j]} << 16);
  } else {
    __builtin_memcpy(out, from, n * sizeof(float));
  }
}

template <std::uint32_t n>
struct count_of {
  static constexpr std::uint32_t value = n;
};

/// The tokens of a page that a row sees.
struct page_view {
  std::uint32_t first, end;
};

/// Turns 64 scores into weights, of which those in view count. What was gathered before must be multiplied by the
/// result.
inline float softmax_weights(float* scores, page_view seen, float& best, float& sum) {
  for (std::uint32_t t = 0; t < seen.first; ++t) scores[t] = lowest;
  for (auto t = seen.end; t < page_tokens; ++t) scores[t] = lowest;
  lanes top = load(scores);
  for (std::uint32_t t = width; t < page_tokens; t += width) {
    lanes v = load(scores + t);
    top = v > top ? v : top;
  }
  float here = max_lanes(top), highest = here > best ? here : best;
  float shrink = highest > best ? exp_lanes(lanes{} + (best - highest))[0] : 1.0f;
  lanes total{};
  for (std::uint32_t t = 0; t < page_tokens; t += width) {
    lanes w = exp_lanes(load(scores + t) - highest);
    store(scores + t, w);
    total += w;
  }
  for (std::uint32_t t = 0; t < seen.first; ++t) scores[t] = 0;
  for (auto t = seen.end; t < page_tokens; ++t) scores[t] = 0;
  sum = sum * shrink + sum_lanes(total);
  best = highest;
  return shrink;
}

/// What was gathered, after a greater score was found.
inline void shrink_row(float* row, std::uint32_t n, float by) {
  if (by == 1.0f) return;
  for (std::uint32_t j = 0; j < n; j += width) store(row + j, load(row + j) * by);
}

/// gathered[count][4 · width] += weights[count][64] · values[64][4 · width] of rows `head_dim` long.
template <std::uint32_t count>
inline void gather_block(const float* weights, const float* values, std::uint32_t tokens, std::uint32_t head_dim,
                         std::uint32_t vectors, float* gathered) {
  lanes acc[count][4] = {};
  for (std::uint32_t b = 0; b < count; ++b)
    for (std::uint32_t i = 0; i < vectors; ++i) acc[b][i] = load(gathered + b * head_dim + i * width);
  for (std::uint32_t t = 0; t < tokens; ++t)
    for (std::uint32_t i = 0; i < vectors; ++i) {
      lanes v = load(values + t * head_dim + i * width);
      for (std::uint32_t b = 0; b < count; ++b) acc[b][i] += v * weights[b * page_tokens + t];
    }
  for (std::uint32_t b = 0; b < count; ++b)
    for (std::uint32_t i = 0; i < vectors; ++i) store(gathered + b * head_dim + i * width, acc[b][i]);
}

/// gathered[rows][head_dim] += weights[rows][64] · values[64][head_dim], for the first `tokens` of the page.
inline void gather_values(const float* weights, const float* values, std::uint32_t rows, std::uint32_t tokens,
                          std::uint32_t head_dim, float* gathered) {
  constexpr std::uint32_t block = 4;
  for (std::uint32_t r = 0; r < rows; r += block)
    for (std::uint32_t j = 0; j < head_dim; j += 4 * width) {
      auto* w = weights + r * page_tokens;
      auto* to = gathered + r * head_dim + j;
      auto gather = [&](auto count) {
        if (head_dim - j >= 4 * width)
          gather_block<count.value>(w, values + j, tokens, head_dim, 4, to);
        else
          gather_block<count.value>(w, values + j, tokens, head_dim, (head_dim - j) / width, to);
      };
      switch (rows - r) {
        case 1:
          gather(count_of<1>{});
          break;
        case 2:
          gather(count_of<2>{});
          break;
        case 3:
          gather(count_of<3>{});
          break;
        default:
          gather(count_of<block>{});
      }
    }
}

/// The sums of 16 vectors, each in its lane.
inline lanes sum_each(lanes v[16]) {
  for (int i = 0; i < 8; ++i)
    v[i] = __builtin_shufflevector(v[i], v[i + 8], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
           __builtin_shufflevector(v[i], v[i + 8], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
  for (int i = 0; i < 4; ++i)
    v[i] = __builtin_shufflevector(v[i], v[i + 4], 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27) +
           __builtin_shufflevector(v[i], v[i + 4], 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
  for (int i = 0; i < 2; ++i)
    v[i] = __builtin_shufflevector(v[i], v[i + 2], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
           __builtin_shufflevector(v[i], v[i + 2], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
  return __builtin_shufflevector(v[0], v[1], 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30) +
         __builtin_shufflevector(v[0], v[1], 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
}

/// scores[64] of one row against keys laid out [64][head_dim]; those from `tokens` on mean nothing.
inline void score_row(const float* query, const float* keys, std::uint32_t tokens, std::uint32_t head_dim,
                      float* scores) {
  for (std::uint32_t t = 0; t < tokens; t += 16) {
    lanes acc[16] = {};
    for (std::uint32_t j = 0; j < head_dim; j += width) {
      lanes q = load(query + j);
      for (std::uint32_t i = 0; i < 16; ++i) acc[i] += q * load(keys + (t + i) * head_dim + j);
    }
    store(scores + t, sum_each(acc));
  }
}

/// scores[64] of up to four rows against keys laid out [head_dim][64].
inline void score_block(const float* const* queries, std::uint32_t rows, const float* keys, std::uint32_t head_dim,
                        float* scores) {
  for (std::uint32_t t = 0; t < page_tokens; t += 2 * width) {
    lanes low[4] = {}, high[4] = {};
    for (std::uint32_t j = 0; j < head_dim; ++j) {
      lanes k0 = load(keys + j * page_tokens + t), k1 = load(keys + j * page_tokens + t + width);
      for (std::uint32_t b = 0; b < 4; ++b) {
        float q = queries[b][j];
        low[b] += k0 * q;
        high[b] += k1 * q;
      }
    }
    for (std::uint32_t b = 0; b < rows; ++b) {
      store(scores + b * page_tokens + t, low[b]);
      store(scores + b * page_tokens + t + width, high[b]);
    }
  }
}

/// What a row sees of the page that begins at position `base`.
inline page_view view_of(const attention_args& a, std::uint32_t row, std::uint32_t base) {
  auto clamp = [&](std::uint32_t position) {
    return position < base ? 0u : position - base < page_tokens ? position - base : page_tokens;
  };
  auto end = a.first_position + row / a.group + 1;
  auto first = clamp(a.window && end > a.window ? end - a.window : 0);
  auto last = clamp(end);
  return {first, last < first ? first : last};
}

/// The first page of which the block's first token sees anything.
inline std::uint32_t first_page(const attention_args& a) {
  auto end = a.first_position + 1;
  return a.window && end > a.window ? (end - a.window) / page_tokens : 0;
}

/// Rotated keys of one page, [64][head_dim].
inline void rotate_page(const attention_args& a, std::uint32_t page, std::uint32_t tokens, float* keys) {
  auto half = a.rotary_dim / 2;
  auto token_bytes = a.head_dim * (a.bf16 ? 2u : 4u);
  const std::byte* from = a.pages[page] + a.keys_offset;
  for (std::uint32_t t = 0; t < tokens; ++t) {
    auto position = std::size_t{page} * page_tokens + t;
    widen(from + t * token_bytes, a.bf16, a.head_dim, keys + t * a.head_dim);
    if (!a.keys_rotated)
      rotate(keys + t * a.head_dim, a.cosines + position * half, a.sines + position * half, a.rotary_dim, a.head_dim,
             1.0f);
  }
}

/// [64][head_dim] to [head_dim][64], in blocks that stay in registers and the first cache.
inline void transpose(const float* from, std::uint32_t head_dim, float* to) {
  for (std::uint32_t j = 0; j < head_dim; j += width)
    for (std::uint32_t t = 0; t < page_tokens; ++t)
      for (std::uint32_t i = 0; i < width; ++i) to[(j + i) * page_tokens + t] = from[t * head_dim + j + i];
}

void attention(const attention_args& a) {
  auto rows = a.tokens * a.group;
  float* keys = a.scratch;
  float* values = keys + page_tokens * a.head_dim;
  float* gathered = values + page_tokens * a.head_dim;
  float* scores = gathered + std::size_t{rows} * a.head_dim;
  float* best = scores + std::size_t{rows} * page_tokens;
  float* sum = best + rows;
  __builtin_memset(gathered, 0, std::size_t{rows} * a.head_dim * sizeof(float));
  for (std::uint32_t r = 0; r < rows; ++r) {
    best[r] = lowest;
    sum[r] = 0;
  }
  auto query = [&](std::uint32_t r) { return a.queries + (r / a.group) * a.row_stride + (r % a.group) * a.head_dim; };
  bool few_rows = rows <= 8 && !a.fixed_order;  // transposing keys pays off only when many rows read them
  auto last_position = a.first_position + a.tokens - 1;
  auto token_bytes = a.head_dim * (a.bf16 ? 2u : 4u);

  for (auto page = first_page(a); page <= last_position / page_tokens; ++page) {
    auto base = page * page_tokens;
    auto tokens = last_position + 1 - base < page_tokens ? last_position + 1 - base : page_tokens;
    rotate_page(a, page, tokens, few_rows ? keys : values);
    if (!few_rows) transpose(values, a.head_dim, keys);
    if (few_rows)
      for (std::uint32_t r = 0; r < rows; ++r) score_row(query(r), keys, tokens, a.head_dim, scores + r * page_tokens);
    else
      for (std::uint32_t r = 0; r < rows; r += 4) {
        auto count = rows - r < 4 ? rows - r : 4;
        const float* block[4];
        for (std::uint32_t b = 0; b < 4; ++b) block[b] = query(r + (b < count ? b : 0));
        score_block(block, count, keys, a.head_dim, scores + r * page_tokens);
      }
    for (std::uint32_t r = 0; r < rows; ++r) {
      if (a.soft_cap > 0) soft_cap(scores + r * page_tokens, page_tokens, a.soft_cap);
      auto shrink = softmax_weights(scores + r * page_tokens, view_of(a, r, base), best[r], sum[r]);
      shrink_row(gathered + std::size_t{r} * a.head_dim, a.head_dim, shrink);
    }
    const std::byte* stored = a.pages[page] + a.values_offset;
    for (std::uint32_t t = 0; t < tokens; ++t)
      widen(stored + t * token_bytes, a.bf16, a.head_dim, values + t * a.head_dim);
    gather_values(scores, values, rows, tokens, a.head_dim, gathered);
  }
  for (std::uint32_t r = 0; r < rows; ++r) {
    float* out = a.out + (r / a.group) * a.row_stride + (r % a.group) * a.head_dim;
    for (std::uint32_t j = 0; j < a.head_dim; ++j) out[j] = gathered[std::size_t{r} * a.head_dim + j] / sum[r];
  }
}

void widen_int8(const std::int8_t* from, std::size_t n, std::uint16_t* to) {
  for (std::size_t i = 0; i < n; ++i) {
    float value = from[i];
    std::uint32_t bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    to[i] = static_cast<std::uint16_t>(bits >> 16);
  }
}

/// Weights of 16 outputs, those of even and those of odd inputs.
inline void split_pairs(const std::int8_t* pairs, lanes& even, lanes& odd) {
  short_lanes both;
  __builtin_memcpy(&both, pairs, sizeof both);
  even = __builtin_convertvector(__builtin_convertvector(static_cast<short_lanes>(both << 8) >> 8, int_lanes), lanes);
  odd = __builtin_convertvector(__builtin_convertvector(both >> 8, int_lanes), lanes);
}

void dot_f32_int8(const float* x, std::size_t stride, std::uint32_t rows, const std::int8_t* weights, std::size_t pairs,
                  float* sums) {
  constexpr std::uint32_t block = 4;
  for (std::uint32_t r = 0; r < rows; r += block) {
    auto count = rows - r < block ? rows - r : block;
    const float* from[block];
    for (std::uint32_t b = 0; b < block; ++b) from[b] = x + (r + (b < count ? b : 0)) * stride;
    for (std::uint32_t j = 0; j < 64; j += width) {
      lanes acc[block] = {};
      for (std::uint32_t b = 0; b < count; ++b) acc[b] = load(sums + (r + b) * 64 + j);
      for (std::size_t p = 0; p < pairs; ++p) {
        lanes even, odd;
        split_pairs(weights + (p * 64 + j) * 2, even, odd);
        for (std::uint32_t b = 0; b < block; ++b) acc[b] += even * from[b][2 * p] + odd * from[b][2 * p + 1];
      }
      for (std::uint32_t b = 0; b < count; ++b) store(sums + (r + b) * 64 + j, acc[b]);
    }
  }
}

}  // namespace
}  // namespace chromatin::gpu

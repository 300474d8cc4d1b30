// The text of the kernels over block-quantised weights, compiled once per instruction set. As in kernels.inl, nothing
// here may call an inline function that another file could keep for a newer processor.

#include "gpu/cpu/quant_kernels.hpp"
#include "gpu/cpu/quant_layout.hpp"
#include "model/block_quants.hpp"

namespace chromatin::gpu {
namespace {

using model::element;

typedef float lanes __attribute__((vector_size(64), aligned(4)));
typedef std::int32_t int_lanes __attribute__((vector_size(64), aligned(4)));
typedef std::uint32_t word_lanes __attribute__((vector_size(64), aligned(4)));
typedef std::uint16_t half_lanes __attribute__((vector_size(32), aligned(2)));
typedef std::int8_t byte_lanes __attribute__((vector_size(16), aligned(1)));
typedef std::uint8_t number_lanes __attribute__((vector_size(16), aligned(1)));
constexpr std::uint32_t strip = strip_outputs;
constexpr std::uint32_t block_columns = 64;  // of unpacked weights

template <class To, class From>
inline To bits_as(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  __builtin_memcpy(&to, &from, sizeof to);
  return to;
}

template <class T>
inline T load_as(const void* from) {
  T to;
  __builtin_memcpy(&to, from, sizeof to);
  return to;
}

/// Half-precision numbers, all finite.
inline lanes widen_halves(const void* from) {
  auto halves = __builtin_convertvector(load_as<half_lanes>(from), word_lanes);
  auto magnitude = bits_as<lanes>((halves & 0x7fffu) << 13) * 0x1p112f;  // subnormal ones, too
  return bits_as<lanes>(bits_as<word_lanes>(magnitude) | (halves & 0x8000u) << 16);
}

inline lanes widen_bytes(const void* from) {
  return __builtin_convertvector(__builtin_convertvector(load_as<byte_lanes>(from), int_lanes), lanes);
}

inline word_lanes look_up(const word_lanes& numbers) {
  const auto table = load_as<number_lanes>(model::iq4_nl_values.begin());
  number_lanes parts[4];
  __builtin_memcpy(parts, &numbers, sizeof parts);
  for (auto& part : parts) part = __builtin_shuffle(table, part);
  return load_as<word_lanes>(parts);
}

/// The numbers of a step, four bytes for each output.
template <element kind>
inline word_lanes numbers_of(const std::byte* span, std::uint32_t step) {
  constexpr auto bits = model::layout_of(kind).bits;
  if constexpr (bits == 8) {
    return load_as<word_lanes>(span + step * vector_bytes);
  } else {
    auto numbers = load_as<word_lanes>(span + step / 2 * vector_bytes) >> (step % 2 * 4) & 0x0f0f0f0fu;
    const auto* rest = span + 4 * vector_bytes;
    if constexpr (bits == 5) numbers |= (load_as<word_lanes>(rest) >> step & 0x01010101u) << 4;
    if constexpr (bits == 6)
      numbers |= (load_as<word_lanes>(rest + step / 4 * vector_bytes) >> (step % 4 * 2) & 0x03030303u) << 4;
    return kind == element::iq4_nl ? look_up(numbers) : numbers;
  }
}

/// The scales of one group of inputs, and what is taken away from each value.
template <element kind>
inline void scales_of(const std::byte* chunk, std::uint32_t spans, std::uint32_t group, lanes& scale, lanes& minimum) {
  constexpr auto how = model::layout_of(kind);
  constexpr std::uint32_t half_bytes = 2 * strip;
  minimum = lanes{};
  if constexpr (how.nested) {
    const auto* small = chunk + (how.has_minimums ? 2 : 1) * half_bytes;
    scale = widen_halves(chunk) * widen_bytes(small + group * strip);
    if constexpr (how.has_minimums)
      minimum =
          widen_halves(chunk + half_bytes) * widen_bytes(small + (chunk_inputs / how.group_values + group) * strip);
  } else {
    scale = widen_halves(chunk + group * half_bytes);
    if constexpr (how.has_minimums) minimum = widen_halves(chunk + (spans + group) * half_bytes);
  }
}

/// Calls work(chunk's first byte, its first input, its spans) for each chunk.
template <element kind, class Work>
inline void each_chunk(const quant_strip& of, Work work) {
  constexpr auto how = model::layout_of(kind);
  const auto* chunk = of.chunks;
  for (std::uint32_t first = 0; first < of.inputs; first += chunk_inputs) {
    auto left = of.inputs - first;
    auto spans = (left < chunk_inputs ? left : chunk_inputs) / span_inputs;
    work(chunk, first, spans);
    chunk += chunk_bytes(how, spans);
  }
}

/// Calls call.operator()<kind>() for the strip's kind.
template <class Call>
inline void with_kind(element kind, Call call) {
  switch (kind) {
    case element::q8_0:
      return call.template operator()<element::q8_0>();
    case element::q4_0:
      return call.template operator()<element::q4_0>();
    case element::q4_1:
      return call.template operator()<element::q4_1>();
    case element::q5_0:
      return call.template operator()<element::q5_0>();
    case element::q5_1:
      return call.template operator()<element::q5_1>();
    case element::q4_k:
      return call.template operator()<element::q4_k>();
    case element::q5_k:
      return call.template operator()<element::q5_k>();
    case element::q6_k:
      return call.template operator()<element::q6_k>();
    case element::iq4_nl:
      return call.template operator()<element::iq4_nl>();
    default:
      __builtin_unreachable();
  }
}

inline void read_chunk(const float* x, std::uint32_t count, quant_inputs& to) {
  lanes largest{}, poison{};
  for (std::uint32_t i = 0; i < count; i += strip) {
    auto v = load_as<lanes>(x + i);
    poison += v * 0.0f;
    v = v < 0.0f ? -v : v;
    largest = v > largest ? v : largest;
  }
  float most = 0;
  for (std::uint32_t i = 0; i < strip; ++i) most = largest[i] > most ? largest[i] : most;
  for (std::uint32_t i = 0; i < strip; ++i) most += poison[i];
  constexpr float number_max = 127 * 256, round_magic = 12582912.0f;  // 1.5 · 2^23: adding it rounds
  auto inverse = most > 1e-30f ? number_max / most : 0.0f;
  to.scale = most > 1e-30f ? most / number_max : most * 0.0f;
  for (std::uint32_t i = 0; i < count; i += strip) {
    auto rounded = load_as<lanes>(x + i) * inverse + round_magic;
    auto number = bits_as<int_lanes>(rounded) - 0x4b400000;
    auto high = (number + 128) >> 8;
    auto high_bytes = __builtin_convertvector(high, byte_lanes);
    auto low_bytes = __builtin_convertvector(number - high * 256, byte_lanes);
    __builtin_memcpy(to.high + i, &high_bytes, sizeof high_bytes);
    __builtin_memcpy(to.low + i, &low_bytes, sizeof low_bytes);
    std::int32_t sum = 0;
    for (std::uint32_t j = 0; j < strip; ++j) sum += number[j];
    to.sums[i / strip] = sum;
  }
  for (std::uint32_t i = count; i < chunk_inputs; ++i) to.high[i] = to.low[i] = 0;
  for (std::uint32_t i = count / strip; i < chunk_inputs / strip; ++i) to.sums[i] = 0;
  for (std::uint32_t i = 0; i < chunk_inputs / span_inputs; ++i)
    to.span_sums[i] = static_cast<float>(to.sums[2 * i] + to.sums[2 * i + 1]);
}

void read_f32(const float* x, std::uint32_t inputs, quant_inputs* to) {
  for (std::uint32_t first = 0; first < inputs; first += chunk_inputs) {
    auto left = inputs - first;
    read_chunk(x + first, left < chunk_inputs ? left : chunk_inputs, to[first / chunk_inputs]);
  }
}

void read_bf16(const std::uint16_t* x, std::uint32_t inputs, quant_inputs* to) {
  float wide[chunk_inputs];
  for (std::uint32_t first = 0; first < inputs; first += chunk_inputs) {
    auto left = inputs - first, count = left < chunk_inputs ? left : chunk_inputs;
    for (std::uint32_t i = 0; i < count; i += strip) {
      auto words = __builtin_convertvector(load_as<half_lanes>(x + first + i), word_lanes) << 16;
      __builtin_memcpy(wide + i, &words, sizeof words);
    }
    read_chunk(wide, count, to[first / chunk_inputs]);
  }
}

/// For processors without instructions for dot products of bytes: numbers are multiplied as floats.
template <element kind>
void dot_chunk(const std::byte* chunk, std::uint32_t spans, const quant_inputs& x, lanes& sum) {
  constexpr auto how = model::layout_of(kind);
  constexpr auto groups_of_span = span_inputs / how.group_values;
  constexpr auto group_steps = span_steps / groups_of_span;
  float numbers[chunk_inputs];
  for (std::uint32_t i = 0; i < spans * span_inputs; ++i) numbers[i] = static_cast<float>(x.high[i] * 256 + x.low[i]);
  const auto* span = chunk + header_bytes(how, spans);
  lanes all{};
  for (std::uint32_t group = 0; group < spans * groups_of_span; ++group) {
    lanes scale, minimum, products{};
    scales_of<kind>(chunk, spans, group, scale, minimum);
    auto first_step = group % groups_of_span * group_steps;
    for (auto step = first_step; step < first_step + group_steps; ++step) {
      auto packed = numbers_of<kind>(span + group / groups_of_span * span_bytes(how), step);
      const auto* inputs = numbers + group / groups_of_span * span_inputs + step * step_inputs;
      for (std::uint32_t i = 0; i < step_inputs; ++i)
        products += __builtin_convertvector(bits_as<int_lanes>(packed >> (8 * i) & 255u), lanes) * inputs[i];
    }
    std::int32_t total = 0;
    for (std::uint32_t i = 0; i < how.group_values / 16; ++i) total += x.sums[group * how.group_values / 16 + i];
    auto inputs_sum = static_cast<float>(total);
    all += scale * (products - inputs_sum * how.offset);
    if constexpr (how.has_minimums) all -= minimum * inputs_sum;
  }
  sum += all * x.scale;
}

void dot(const quant_strip& first_strip, std::uint32_t strips, const quant_inputs* x, std::size_t stride,
         std::uint32_t rows, float* sums) {
  with_kind(first_strip.kind, [&]<element kind>() {
    auto of = first_strip;
    for (std::uint32_t s = 0; s < strips; ++s, of.chunks += strip_bytes(model::layout_of(kind), of.inputs))
      for (std::uint32_t r = 0; r < rows; ++r, sums += strip) {
        lanes sum{};
        each_chunk<kind>(of, [&](const std::byte* chunk, std::uint32_t first, std::uint32_t spans) {
          dot_chunk<kind>(chunk, spans, x[r * stride + first / chunk_inputs], sum);
        });
        __builtin_memcpy(sums, &sum, sizeof sum);
      }
  });
}

/// Calls put(input, values of it, values of the next one) for each pair of inputs.
template <element kind, class Put>
inline void each_pair(const quant_strip& of, Put put) {
  constexpr auto how = model::layout_of(kind);
  constexpr auto groups_of_span = span_inputs / how.group_values;
  constexpr auto group_steps = span_steps / groups_of_span;
  each_chunk<kind>(of, [&](const std::byte* chunk, std::uint32_t first, std::uint32_t spans) {
    const auto* numbers = chunk + header_bytes(how, spans);
    for (std::uint32_t group = 0; group < spans * groups_of_span; ++group) {
      lanes scale, minimum;
      scales_of<kind>(chunk, spans, group, scale, minimum);
      auto least = scale * how.offset + minimum;
      const auto* span = numbers + group / groups_of_span * span_bytes(how);
      auto first_step = group % groups_of_span * group_steps;
      for (auto step = first_step; step < first_step + group_steps; ++step) {
        auto packed = numbers_of<kind>(span, step);
        auto value = [&](std::uint32_t i) {
          return __builtin_convertvector(bits_as<int_lanes>(packed >> (8 * i) & 255u), lanes) * scale - least;
        };
        auto input = first + group / groups_of_span * span_inputs + step * step_inputs;
        put(input, value(0), value(1));
        put(input + 2, value(2), value(3));
      }
    }
  });
}

inline word_lanes rounded(const lanes& value) {
  auto bits = bits_as<word_lanes>(value);
  return (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
}

[[maybe_unused]] void unpack_bf16(const quant_strip& of, std::uint16_t* to) {
  with_kind(of.kind, [&]<element kind>() {
    each_pair<kind>(of, [&](std::uint32_t input, const lanes& even, const lanes& odd) {
      auto both = rounded(even) | rounded(odd) << 16;
      __builtin_memcpy(to + std::size_t{input} * block_columns, &both, sizeof both);
    });
  });
}

void unpack_f32(const quant_strip& of, float* to) {
  with_kind(of.kind, [&]<element kind>() {
    each_pair<kind>(of, [&](std::uint32_t input, const lanes& even, const lanes& odd) {
      __builtin_memcpy(to + std::size_t{input} * block_columns, &even, sizeof even);
      __builtin_memcpy(to + std::size_t{input + 1} * block_columns, &odd, sizeof odd);
    });
  });
}

}  // namespace
}  // namespace chromatin::gpu

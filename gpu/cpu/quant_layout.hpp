#pragma once

/// How packed block-quantised weights lie in memory. A strip has 16 outputs; it is cut into chunks of 256 inputs (the
/// last may have fewer), and these into spans of 32. A chunk begins with its scales:
///
///     nested kinds   half factors[16]  half minimum factors[16]  int8 scales[groups][16]  int8 minimums[groups][16]
///     others         half scales[spans][16]                      half minimums[spans][16]
///
/// (minimums where the kind has them), padded to 64 bytes. Its spans follow, of eight steps of four inputs each. A step
/// is a vector of 64 bytes: for each output four numbers, as instructions for dot products take them.
///
///     8 bits   a vector for each step
///     4 bits   four vectors; the lower halves are an even step, the upper ones the odd step after it
///     5 bits   the same, and a vector whose bit s is the fifth of step s
///     6 bits   the same as 4, and two vectors of two bits for each of four steps
///
/// Functions here are `static`: a copy for each instruction set that they are compiled for.

#include "model/element.hpp"

namespace chromatin::gpu {

inline constexpr std::uint32_t strip_outputs = 16, chunk_inputs = 256, span_inputs = 32, step_inputs = 4;
inline constexpr std::uint32_t span_steps = span_inputs / step_inputs;
inline constexpr std::uint32_t vector_bytes = strip_outputs * step_inputs;

static inline constexpr std::uint32_t span_bytes(const model::element_layout& how) {
  return span_inputs * strip_outputs / 8 * how.bits;
}

static inline constexpr std::uint32_t header_bytes(const model::element_layout& how, std::uint32_t spans) {
  std::uint32_t fields = how.has_minimums ? 2 : 1;
  std::uint32_t halves = fields * 2 * strip_outputs;
  std::uint32_t bytes =
      how.nested ? halves + fields * strip_outputs * (spans * span_inputs / how.group_values) : halves * spans;
  return (bytes + vector_bytes - 1) / vector_bytes * vector_bytes;
}

static inline constexpr std::uint32_t chunk_bytes(const model::element_layout& how, std::uint32_t spans) {
  return header_bytes(how, spans) + spans * span_bytes(how);
}

/// Of a strip of so many inputs, a multiple of 32.
static inline constexpr std::uint64_t strip_bytes(const model::element_layout& how, std::uint32_t inputs) {
  constexpr std::uint32_t chunk_spans = chunk_inputs / span_inputs;
  std::uint32_t rest = inputs % chunk_inputs / span_inputs;
  return std::uint64_t{inputs / chunk_inputs} * chunk_bytes(how, chunk_spans) + (rest > 0 ? chunk_bytes(how, rest) : 0);
}

}  // namespace chromatin::gpu

#pragma once

/// What the elements of a tensor are: floats of some width, or blocks of small whole numbers with scales (GGUF's).

#include <cstdint>
#include <string_view>

namespace chromatin::model {

enum class element : std::uint8_t { bf16, f16, f32, q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q5_k, q6_k, iq4_nl, other };

/// How a backend keeps weights: as they are stored, or rounded when they are loaded, to whole numbers of 8 bits with a
/// scale for each output, or of 4 bits with a scale for each group of inputs. The numbers are part of a cache's
/// fingerprint.
enum class weight_kind : std::uint8_t { stored = 0, int8 = 1, q4 = 2 };

/// How elements lie in memory. Value i of a quantised block is
///     scale[i / group_values] · (number[i] − offset) − minimum[i / group_values]
/// where numbers are unsigned.
struct element_layout {
  std::string_view name;
  std::uint32_t block_values;  ///< that lie together; 1 for floats
  std::uint32_t block_bytes;
  std::uint32_t group_values = 0;  ///< that have a scale; 0 for floats
  std::uint32_t bits = 0;          ///< of a number as it is stored
  std::uint8_t offset = 0;
  bool has_minimums = false;
  /// Scales and minimums are whole numbers times two factors of the block, else factors of their own.
  bool nested = false;
};

constexpr element_layout layout_of(element type) {
  switch (type) {
    case element::bf16:
      return {"BF16", 1, 2};
    case element::f16:
      return {"F16", 1, 2};
    case element::f32:
      return {"F32", 1, 4};
    case element::q8_0:
      return {"Q8_0", 32, 34, 32, 8, 128};
    case element::q4_0:
      return {"Q4_0", 32, 18, 32, 4, 8};
    case element::q4_1:
      return {"Q4_1", 32, 20, 32, 4, 0, true};
    case element::q5_0:
      return {"Q5_0", 32, 22, 32, 5, 16};
    case element::q5_1:
      return {"Q5_1", 32, 24, 32, 5, 0, true};
    case element::q4_k:
      return {"Q4_K", 256, 144, 32, 4, 0, true, true};
    case element::q5_k:
      return {"Q5_K", 256, 176, 32, 5, 0, true, true};
    case element::q6_k:
      return {"Q6_K", 256, 210, 16, 6, 32, false, true};
    case element::iq4_nl:
      return {"IQ4_NL", 32, 18, 32, 4, 128};
    case element::other:
      break;
  }
  return {"other", 1, 1};
}

constexpr bool is_quantised(element type) { return layout_of(type).group_values > 0; }

/// True when rows of so many values are whole blocks.
constexpr bool fits_row(element type, std::uint64_t values) { return values % layout_of(type).block_values == 0; }

/// Of a row of so many values, which fits_row() allows.
constexpr std::uint64_t row_bytes(element type, std::uint64_t values) {
  return values / layout_of(type).block_values * layout_of(type).block_bytes;
}

}  // namespace chromatin::model

#include "model/gguf/tensor_types.hpp"

#include <algorithm>
#include <iterator>

namespace chromatin::model::gguf {
namespace {

struct numbered {
  std::uint32_t number;
  tensor_type type;
};

constexpr tensor_type of(element type) {
  auto layout = layout_of(type);
  return {layout.name, layout.block_values, layout.block_bytes, type};
}

constexpr numbered known_types[]{
    {0, of(element::f32)},
    {1, of(element::f16)},
    {2, of(element::q4_0)},
    {3, of(element::q4_1)},
    {6, of(element::q5_0)},
    {7, of(element::q5_1)},
    {8, of(element::q8_0)},
    {9, {"Q8_1", 32, 36, element::other}},
    {10, {"Q2_K", 256, 84, element::other}},
    {11, {"Q3_K", 256, 110, element::other}},
    {12, of(element::q4_k)},
    {13, of(element::q5_k)},
    {14, of(element::q6_k)},
    {15, {"Q8_K", 256, 292, element::other}},
    {16, {"IQ2_XXS", 256, 66, element::other}},
    {17, {"IQ2_XS", 256, 74, element::other}},
    {18, {"IQ3_XXS", 256, 98, element::other}},
    {19, {"IQ1_S", 256, 50, element::other}},
    {20, of(element::iq4_nl)},
    {21, {"IQ3_S", 256, 110, element::other}},
    {22, {"IQ2_S", 256, 82, element::other}},
    {23, {"IQ4_XS", 256, 136, element::other}},
    {24, {"I8", 1, 1, element::other}},
    {25, {"I16", 1, 2, element::other}},
    {26, {"I32", 1, 4, element::other}},
    {27, {"I64", 1, 8, element::other}},
    {28, {"F64", 1, 8, element::other}},
    {29, {"IQ1_M", 256, 56, element::other}},
    {30, of(element::bf16)},
    {34, {"TQ1_0", 256, 54, element::other}},
    {35, {"TQ2_0", 256, 66, element::other}},
    {39, {"MXFP4", 32, 17, element::other}},
};

}  // namespace

const tensor_type* find_tensor_type(std::uint32_t number) {
  auto found =
      std::find_if(std::begin(known_types), std::end(known_types), [&](const auto& t) { return t.number == number; });
  return found == std::end(known_types) ? nullptr : &found->type;
}

}  // namespace chromatin::model::gguf

// Sixteen floats at a time and their functions, for the kernels' text (kernels.inl).

#include <cstddef>
#include <cstdint>

namespace chromatin::gpu {
namespace {

typedef float lanes __attribute__((vector_size(64), aligned(4)));
typedef std::int32_t int_lanes __attribute__((vector_size(64)));
typedef std::int16_t short_lanes __attribute__((vector_size(32)));
constexpr std::size_t width = 16;

inline lanes load(const float* p) { return *reinterpret_cast<const lanes*>(p); }
inline void store(float* p, const lanes& v) { *reinterpret_cast<lanes*>(p) = v; }

inline float bits_to_float(std::uint32_t bits) {
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

inline std::uint16_t round_bf16(float value) {
  std::uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

/// e^x for x <= 0, relative error below 2e-7.
inline lanes exp_lanes(lanes x) {
  x = x < -87.0f ? lanes{} - 87.0f : x;
  constexpr float round_magic = 12582912.0f;  // 1.5 · 2^23: adding it rounds to a whole number
  lanes n = x * 1.44269504f + round_magic - round_magic;
  lanes r = x - n * 0.693359375f + n * 2.12194440e-4f;
  lanes p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  int_lanes power = (__builtin_convertvector(n, int_lanes) + 127) << 23;
  lanes scale;
  __builtin_memcpy(&scale, &power, sizeof scale);
  return p * scale;
}

inline float sum_lanes(lanes v) {
  v += __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
  v += __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
  v += __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
  v += __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
  return v[0];
}

inline float max_lanes(lanes v) {
  auto greater = [](const lanes& a, const lanes& b) { return a > b ? a : b; };
  v = greater(v, __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  v = greater(v, __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
  v = greater(v, __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
  return v[0] > v[1] ? v[0] : v[1];
}

inline lanes silu_lanes(const lanes& x) {
  lanes e = exp_lanes(x > 0.0f ? -x : x);  // e^-|x|
  lanes s = (x > 0.0f ? lanes{} + 1.0f : e) / (1.0f + e);
  return x * s;
}

/// tanh, absolute error below 2e-7.
inline lanes tanh_lanes(const lanes& x) {
  lanes e = exp_lanes(x > 0.0f ? x * -2.0f : x * 2.0f);  // e^-2|x|
  lanes t = (1.0f - e) / (1.0f + e);
  return x > 0.0f ? t : -t;
}

/// x / 2 · (1 + tanh(sqrt(2 / pi) · (x + 0.044715 · x³)))
inline lanes gelu_lanes(const lanes& x) {
  return 0.5f * x * (1.0f + tanh_lanes(0.7978845608f * (x + 0.044715f * x * x * x)));
}

}  // namespace
}  // namespace chromatin::gpu

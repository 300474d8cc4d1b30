#include "gpu/cuda/upload.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>

namespace chromatin::gpu::cuda {
namespace {

/// Nearest even; NaN stays NaN.
std::uint16_t rounded(float value) {
  auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>(bits >> 16 | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

/// `count` values of a tensor, from `first` on.
model::tensor part_of(const model::tensor& t, std::size_t first, std::size_t count) {
  const std::size_t bytes = t.type == model::element::f32 ? 4 : 2;
  return {{count}, t.type, t.bytes.subspan(first * bytes, count * bytes), t.type_name};
}

std::size_t size_of(const std::vector<const model::tensor*>& parts) {
  std::size_t size = 0;
  for (const auto* part : parts) size += part->size();
  return size;
}

}  // namespace

uploader::uploader(runtime& on) : on_{on}, stream_{on.make_stream()} {
  for (int i = 0; i < 2; ++i) pieces_.push_back(device_array<std::byte>::pinned(on, piece_bytes));
}

uploader::~uploader() {
  on_.synchronize(stream_);
  on_.destroy(stream_);
}

std::byte* uploader::next_piece() {
  if (used_ == pieces_.size()) {
    finish();
    used_ = 0;
  }
  return pieces_[used_++].data();
}

template <class T, class Fill>
void uploader::send(const device_array<T>& to, std::size_t offset, std::size_t count, Fill fill) {
  constexpr auto step = piece_bytes / sizeof(T);
  for (std::size_t first = 0; first < count; first += step) {
    const auto now = std::min(step, count - first);
    auto* piece = reinterpret_cast<T*>(next_piece());
    fill(first, now, piece);
    on_.copy(stream_, to.data() + offset + first, piece, now * sizeof(T));
  }
}

device_array<std::uint16_t> uploader::matrix(const std::vector<const model::tensor*>& parts) {
  device_array<std::uint16_t> to{on_, size_of(parts)};
  std::size_t offset = 0;
  std::vector<float> wide;
  for (const auto* t : parts) {
    send(to, offset, t->size(), [&](std::size_t first, std::size_t count, std::uint16_t* piece) {
      const auto part = part_of(*t, first, count);
      if (t->type == model::element::bf16) {
        std::memcpy(piece, part.bytes.data(), part.bytes.size());
        return;
      }
      wide.resize(count);
      model::to_f32(part, wide);
      std::ranges::transform(wide, piece, rounded);
    });
    offset += t->size();
  }
  return to;
}

device_array<float> uploader::vector(const std::vector<const model::tensor*>& parts) {
  std::vector<float> all(size_of(parts));
  std::size_t offset = 0;
  for (const auto* t : parts) {
    model::to_f32(*t, std::span{all}.subspan(offset, t->size()));
    offset += t->size();
  }
  return floats(all);
}

device_array<float> uploader::floats(const std::vector<float>& values) {
  device_array<float> to{on_, values.size()};
  send(to, 0, values.size(),
       [&](std::size_t first, std::size_t count, float* piece) { std::copy_n(values.data() + first, count, piece); });
  return to;
}

void uploader::finish() {
  if (!on_.synchronize(stream_)) throw std::runtime_error(on_.error());
}

}  // namespace chromatin::gpu::cuda

#include "gpu/cuda/transfer.hpp"

#include <utility>

#include "kv/check.hpp"

namespace chromatin::gpu::cuda {

transfer::transfer(std::vector<slice_copy> slices, const kv::geometry& shape, room_pool& rooms, bool packs_all)
    : slices_{std::move(slices)}, shape_{shape}, stages_(slices_.size(), nullptr) {
  std::uint32_t pieces = 0;
  std::size_t staged = 0;
  std::vector<std::size_t> offsets(slices_.size());
  for (std::size_t i = 0; i < slices_.size(); ++i) {
    CHROMATIN_CHECK(slices_[i].layer < shape_.layers, "a slice is of one of the layers");
    CHROMATIN_CHECK(slices_[i].tokens > 0 && slices_[i].tokens <= kv::tokens_per_chunk, "a slice has 1 … 64 tokens");
    auto bytes = packed(i).bytes;
    first_piece_.push_back(pieces);
    pieces += static_cast<std::uint32_t>(bytes / kv::slice_alignment_bytes);
    offsets[i] = staged;
    if (packs_all || !is_same_in_both(i)) staged += bytes;
  }
  first_piece_.push_back(pieces);
  const auto sums = pieces * sizeof(std::uint64_t);
  const auto head = (sums + kv::slice_alignment_bytes - 1) / kv::slice_alignment_bytes * kv::slice_alignment_bytes;
  room_ = rooms.take(sums, head + staged);
  for (std::size_t i = 0; i < slices_.size(); ++i)
    if (packs_all || !is_same_in_both(i)) stages_[i] = room_->device.data() + head + offsets[i];
}

bool transfer::is_same_in_both(std::size_t i) const {
  const auto used = 2 * shape_.kv_heads * shape_.head_bytes();
  return slices_[i].tokens == kv::tokens_per_chunk && used == shape_.slice_bytes();
}

std::byte* transfer::in_page(std::size_t i) const {
  return kv::slice_of(slices_[i].device, shape_, slices_[i].layer).data();
}

std::byte* transfer::in_host(std::size_t i) const {
  return kv::packed_slice_of(slices_[i].host, shape_, slices_[i].layer, slices_[i].tokens).data();
}

std::vector<byte_copy> transfer::copies(direction way, bool staged) const {
  std::vector<byte_copy> all;
  for (std::size_t i = 0; i < slices_.size(); ++i) {
    if ((stages_[i] != nullptr) != staged) continue;
    auto *to = staged ? stages_[i] : in_page(i), *from = in_host(i);
    if (way == direction::out) std::swap(to, from);
    all.push_back({.to = to, .from = from, .bytes = packed(i).bytes});
  }
  return all;
}

void transfer::check(runtime& on, stream in) const {
  std::vector<checksum_view> views;
  for (std::size_t i = 0; i < slices_.size(); ++i)
    views.push_back({.bytes = stages_[i] ? stages_[i] : in_page(i),
                     .pieces = first_piece_[i + 1] - first_piece_[i],
                     .first = first_piece_[i]});
  auto* sums = room_->device.data();
  on.kernels().checksum(in, views.data(), static_cast<std::uint32_t>(views.size()),
                        reinterpret_cast<std::uint64_t*>(sums));
  on.copy(in, room_->host.data(), sums, first_piece_.back() * sizeof(std::uint64_t));
}

std::uint64_t transfer::checksum(std::size_t i) const {
  const auto* sums = reinterpret_cast<const std::uint64_t*>(room_->host.data());
  return kv::checksum_of_pieces({sums + first_piece_[i], first_piece_[i + 1] - first_piece_[i]});
}

}  // namespace chromatin::gpu::cuda

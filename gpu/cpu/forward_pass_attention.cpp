// Of a layer, what stands between the projections: queries, keys and values, and attention.

#include <cstring>

#include "gpu/cpu/forward_pass.hpp"

namespace chromatin::gpu {

void forward_pass::norm_heads(float* heads, std::uint32_t count, const std::vector<float>& gain) const {
  if (gain.empty()) return;
  for (auto* head = heads; head < heads + std::size_t{count} * config_.head_dim; head += config_.head_dim)
    kernels_.rms_norm(head, gain.data(), config_.rms_norm_eps, config_.head_dim, head, nullptr);
}

/// Layers without positions turn nothing.
std::uint32_t forward_pass::rotary_dim(std::uint32_t layer) const {
  return config_.traits_of(layer).rotates ? config_.rotary_values() : 0;
}

const model::rotary_table& forward_pass::rotation(std::uint32_t layer) const {
  return config_.traits_of(layer).local_rope ? local_rotation_ : rotation_;
}

/// Keys go to their pages normed, and not rotated.
void forward_pass::store_and_rotate(std::uint32_t layer, std::size_t row) {
  auto d = config_.head_dim;
  auto q = std::size_t{config_.heads} * d, kv = std::size_t{config_.kv_heads} * d, columns = q + 2 * kv;
  const auto& turns = rotation(layer);
  auto turned = rotary_dim(layer);
  auto [s, t] = places_[row];
  auto position = step_->sequences()[s].position + t;
  auto at = std::size_t{position} * (config_.rotary_values() / 2);
  float* values = qkv_.data() + row * columns;
  const auto& w = layers_[layer];
  if (!w.qkv_bias.empty()) kernels_.add(values, w.qkv_bias.data(), columns, 1);
  norm_heads(values, config_.heads, w.query_norm);
  norm_heads(values + q, config_.kv_heads, w.key_norm);
  for (std::uint32_t h = 0; h < config_.heads; ++h)
    kernels_.rotate(values + h * d, turns.cosines.data() + at, turns.sines.data() + at, turned, d, score_scale_);
  auto* slice = members_[s].pages[position / kv::tokens_per_chunk] + geometry_.slice(layer).offset_bytes;
  auto slot = position % kv::tokens_per_chunk * geometry_.token_bytes();
  for (std::uint32_t h = 0; h < config_.kv_heads; ++h) {
    auto put = [&](const float* from, std::size_t offset) {
      auto* to = slice + offset + h * geometry_.head_bytes() + slot;
      if (bf16_)
        kernels_.to_bf16(from, d, reinterpret_cast<std::uint16_t*>(to));
      else
        std::memcpy(to, from, d * sizeof(float));
    };
    put(values + q + h * d, 0);
    put(values + q + kv + h * d, geometry_.values_offset_bytes());
  }
}

/// Results go back over the queries they came from.
void forward_pass::attend(std::uint32_t layer, const attention_piece& piece, std::uint32_t worker) {
  auto d = config_.head_dim;
  const auto& of = members_[piece.sequence];
  const auto& turns = rotation(layer);
  auto first = std::size_t{of.first_row} + piece.first_token;
  auto at = qkv_.data() + first * qkv_columns() + std::size_t{piece.head} * config_.group() * d;
  auto keys = geometry_.slice(layer).offset_bytes + piece.head * geometry_.head_bytes();
  kernels_.attention({.queries = at,
                      .out = at,
                      .row_stride = qkv_columns(),
                      .tokens = piece.tokens,
                      .first_position = step_->sequences()[piece.sequence].position + piece.first_token,
                      .window = config_.traits_of(layer).window,
                      .group = config_.group(),
                      .head_dim = d,
                      .pages = of.pages.data(),
                      .keys_offset = keys,
                      .values_offset = keys + geometry_.values_offset_bytes(),
                      .bf16 = bf16_,
                      .cosines = turns.cosines.data(),
                      .sines = turns.sines.data(),
                      .rotary_dim = rotary_dim(layer),
                      .soft_cap = config_.attention_soft_cap,
                      .scratch = scratch_[worker].data(),
                      .fixed_order = deterministic_,
                      .keys_rotated = false});
}

void forward_pass::take_attention(std::size_t row) {
  auto q = std::size_t{config_.heads} * config_.head_dim;
  const float* from = qkv_.data() + row * qkv_columns();
  if (bf16_)
    kernels_.to_bf16(from, q, narrow_.data() + row * q);
  else
    std::memcpy(wide_.data() + row * q, from, q * sizeof(float));
}

}  // namespace chromatin::gpu

#include "gpu/cpu/expert_block.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

namespace chromatin::gpu {
namespace {

/// A product reads so many rows at least, and writes padded_rows(rows).
constexpr std::uint32_t rows_read_min = 16;

template <class Vector>
void grow(Vector& v, std::size_t size) {
  if (v.size() < size) v.resize(size);
}

}  // namespace

expert_block::expert_block(const model::config& c, bool bf16, const kernel_table& kernels)
    : experts_{c.experts},
      per_token_{c.experts_per_token},
      hidden_{c.hidden},
      ffn_{c.ffn},
      normalised_{c.normalised_experts},
      bf16_{bf16},
      gate_{c.gate},
      kernels_{kernels},
      order_(c.experts) {}

/// The likeliest experts, the first of equals first; logits that are no numbers choose any.
void expert_block::choose(const float* logits, choice* chosen) {
  std::iota(order_.begin(), order_.end(), 0u);
  auto value = [&](std::uint32_t e) { return std::isnan(logits[e]) ? -INFINITY : logits[e]; };
  auto before = [&](std::uint32_t a, std::uint32_t b) { return value(a) != value(b) ? value(a) > value(b) : a < b; };
  std::partial_sort(order_.begin(), order_.begin() + per_token_, order_.end(), before);
  auto top = logits[order_[0]];
  float all = 0, taken = 0;
  for (std::uint32_t e = 0; e < experts_; ++e) all += std::exp(logits[e] - top);
  for (std::uint32_t i = 0; i < per_token_; ++i) {
    chosen[i] = {order_[i], 0, std::exp(logits[order_[i]] - top) / all};
    taken += chosen[i].share;
  }
  if (normalised_)
    for (std::uint32_t i = 0; i < per_token_; ++i) chosen[i].share /= taken;
}

void expert_block::route(const float* logits, std::uint32_t rows) {
  choices_.resize(std::size_t{rows} * per_token_);
  for (std::size_t row = 0; row < rows; ++row) choose(logits + row * experts_, choices_.data() + row * per_token_);
  std::vector<std::uint32_t> counts(experts_);
  for (const auto& c : choices_) ++counts[c.expert];
  groups_.clear();
  std::uint32_t places = 0;
  std::vector<std::uint32_t> next(experts_);
  for (std::uint32_t e = 0; e < experts_; ++e) {
    next[e] = places;
    if (counts[e] == 0) continue;
    groups_.push_back({e, places, counts[e], nullptr, 0});
    places += padded_rows(counts[e]);
  }
  for (auto& c : choices_) c.place = next[c.expert]++;
  places += rows_read_min;
  grow(inputs_, places * hidden_ * value_bytes());
  grow(gated_, places * ffn_ * value_bytes());
  grow(gate_up_, std::size_t{places} * 2 * ffn_);
  grow(results_, std::size_t{places} * hidden_);
}

void expert_block::take(std::size_t row, const void* inputs) {
  auto bytes = hidden_ * value_bytes();
  const auto* from = static_cast<const std::byte*>(inputs) + row * bytes;
  for (std::size_t i = row * per_token_; i < (row + 1) * per_token_; ++i)
    std::memcpy(inputs_.data() + choices_[i].place * bytes, from, bytes);
}

std::uint32_t expert_block::prepare(std::vector<feed_forward>& blocks, packed_matrix feed_forward::*which) {
  std::uint32_t pieces = 0;
  for (auto& g : groups_) {
    auto& matrix = blocks[g.expert].*which;
    g.matrix = &matrix;
    g.first_piece = pieces;
    pieces += matrix.prepare(g.rows);
  }
  return pieces;
}

void expert_block::piece(std::uint32_t number, bool down, matrix_room& room) {
  auto after = [](std::uint32_t piece, const group& g) { return piece < g.first_piece; };
  const auto& g = *std::prev(std::upper_bound(groups_.begin(), groups_.end(), number, after));
  auto place = std::size_t{g.first_place};
  const auto& from = down ? gated_ : inputs_;
  auto* x = from.data() + place * (down ? ffn_ : hidden_) * value_bytes();
  auto* y = down ? results_.data() + place * hidden_ : gate_up_.data() + place * 2 * ffn_;
  g.matrix->piece(number - g.first_piece, x, y, room);
}

void expert_block::gate(std::size_t row) {
  auto function = gate_ == model::activation::silu ? kernels_.silu_mul : kernels_.gelu_mul;
  for (std::size_t i = row * per_token_; i < (row + 1) * per_token_; ++i) {
    auto place = std::size_t{choices_[i].place};
    auto* to = gated_.data() + place * ffn_ * value_bytes();
    function(gate_up_.data() + place * 2 * ffn_, ffn_, bf16_ ? nullptr : reinterpret_cast<float*>(to),
             bf16_ ? reinterpret_cast<std::uint16_t*>(to) : nullptr);
  }
}

void expert_block::combine(std::size_t row, float* out) const {
  std::fill_n(out, hidden_, 0.0f);
  for (std::size_t i = row * per_token_; i < (row + 1) * per_token_; ++i)
    kernels_.add(out, results_.data() + std::size_t{choices_[i].place} * hidden_, hidden_, choices_[i].share);
}

}  // namespace chromatin::gpu

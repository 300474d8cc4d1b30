#include "gpu/cuda/step_plan.hpp"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace chromatin::gpu::cuda {
namespace {

void check(const sequence_step& s, const plan_limits& limits) {
  auto end = s.position + s.tokens.size();
  if (s.tokens.empty() || end > limits.context || !s.pages || s.pages->size() < kv::chunks_for(end))
    throw std::invalid_argument(fmt::format("{} tokens after {} do not fit into {} pages and a context of {}",
                                            s.tokens.size(), s.position, s.pages ? s.pages->size() : 0,
                                            limits.context));
}

void add_pages(step_plan& plan, const sequence_step& s, const plan_limits& limits) {
  auto count = kv::chunks_for(s.position + s.tokens.size());
  for (std::uint32_t i = 0; i < count; ++i) {
    auto bytes = (*s.pages)[i].writable();
    if (bytes.size() < limits.chunk_bytes) throw std::invalid_argument("a page does not hold a chunk");
    plan.pages.push_back(bytes.data());
  }
}

void add_pieces(step_plan& plan, std::uint32_t sequence, const plan_limits& limits) {
  auto& view = plan.sequences[sequence];
  if (view.rows == 1 && !limits.one_kernel) {
    plan.single.push_back({.sequence = sequence, .first = 0, .rows = 1});
    plan.context_of_single = std::max(plan.context_of_single, view.position + 1);
    return;
  }
  view.first_rotated = plan.rotated_pages;
  plan.rotated_pages += kv::chunks_for(view.position + view.rows);
  plan.context_of_many = std::max(plan.context_of_many, view.position + view.rows);
  plan.history_of_many = std::max(plan.history_of_many, view.position);
  for (std::uint32_t first = 0; first < view.rows; first += limits.prefill_rows)
    plan.many.push_back({sequence, first, std::min(limits.prefill_rows, view.rows - first)});
}

}  // namespace

step_plan plan_step(const step& of, const plan_limits& limits) {
  step_plan plan;
  for (std::uint32_t i = 0; i < of.sequences().size(); ++i) {
    const auto& s = of.sequences()[i];
    const bool dropped = of.is_dropped(i);
    if (!dropped) check(s, limits);
    const auto rows = static_cast<std::uint32_t>(s.tokens.size());
    plan.sequences.push_back({.first_row = plan.rows(),
                              .rows = rows,
                              .position = s.position,
                              .first_page = static_cast<std::uint32_t>(plan.pages.size())});
    if (plan.tokens.size() + rows > limits.rows_max)
      throw std::invalid_argument(fmt::format("a batch has at most {} tokens", limits.rows_max));
    plan.tokens.insert(plan.tokens.end(), s.tokens.begin(), s.tokens.end());
    plan.sequence_of_row.resize(plan.tokens.size(), dropped ? batch_view::none : i);
    if (dropped) continue;
    add_pages(plan, s, limits);
    add_pieces(plan, i, limits);
    if (!of.needs_logits(i)) continue;
    plan.last_rows.push_back(plan.rows() - 1);
    const bool draws = s.sampler && s.sampler->temperature() > 0;
    plan.inverse_temperatures.push_back(draws ? 1 / s.sampler->temperature() : 1.0f);
  }
  return plan;
}

}  // namespace chromatin::gpu::cuda

#include "actors/executor.hpp"

#include <algorithm>
#include <chrono>

namespace chromatin {
namespace {

std::int64_t to_us(caf::timespan t) { return std::chrono::duration_cast<std::chrono::microseconds>(t).count(); }

}  // namespace

caf::result<step_result> executor_state::step(step_order next) {
  if (running) return caf::make_error(ec::busy, "the executor runs one step at a time");
  running = true;
  order = std::move(next);
  failed.assign(order.parts.size(), false);
  results.assign(order.parts.size(), {});
  steps_done = 0;
  waited = {};
  begun = self->clock().now();
  tables.clear();
  for (const auto& part : order.parts) {
    auto& table = tables.emplace_back();
    for (const auto& page : part.pages) table.push_back(page.writable().data());
  }
  begin_step();
  promise = self->make_response_promise<step_result>();
  auto answer = promise;
  advance();
  return answer;
}

void executor_state::begin_step() {
  std::vector<gpu::sequence_step> batch;
  for (std::size_t i = 0; i < order.parts.size(); ++i) {
    const auto& part = order.parts[i];
    batch.push_back({part.tokens, part.position, tables[i], part.sampler != nullptr});
    tokens += static_cast<std::int64_t>(part.tokens.size());
  }
  layer = 0;
  backend->begin(batch);
}

bool executor_state::layer_loaded() {
  for (std::size_t i = 0; i < order.parts.size(); ++i) {
    const auto& loading = order.parts[i].loading;
    if (!loading || failed[i]) continue;
    if (loading->failed)
      failed[i] = true;
    else if (loading->layers_ready <= layer)
      return false;
  }
  return true;
}

void executor_state::advance() {
  if (!running) return;
  auto layers = backend->geometry().layers;
  do {
    while (layer < layers) {
      auto now = self->clock().now();
      if (!layer_loaded()) {
        if (waiting_since == caf::actor_clock::time_point{}) waiting_since = now;
        return;
      }
      if (waiting_since != caf::actor_clock::time_point{}) waited += now - std::exchange(waiting_since, {});
      backend->run_layer(layer);
      save_layer();
      ++layer;
    }
  } while (sample_and_continue());
  deliver();
}

void executor_state::save_layer() {
  for (std::size_t i = 0; i < order.parts.size(); ++i) {
    const auto& part = order.parts[i];
    if (part.completed.empty() || failed[i]) continue;
    self->send(device, atom::save_v, part.turn, save_order{part.completed, layer, layer + 1});
  }
}

bool executor_state::sample_and_continue() {
  auto logits = backend->finish();
  ++steps;
  std::size_t row = 0;
  auto rows =
      std::count_if(order.parts.begin(), order.parts.end(), [](const auto& part) { return part.sampler != nullptr; });
  auto vocabulary = rows == 0 ? 0 : logits.size() / static_cast<std::size_t>(rows);
  bool more = ++steps_done < order.decode_steps;
  for (std::size_t i = 0; i < order.parts.size(); ++i) {
    auto& part = order.parts[i];
    results[i].failed = failed[i];
    if (!part.sampler || failed[i]) more = false;
    if (!part.sampler) continue;
    auto own = logits.subspan(row++ * vocabulary, vocabulary);
    if (failed[i]) continue;
    auto token = part.sampler->next(own);
    results[i].tokens.push_back(token);
    more = more && std::find(order.ends.begin(), order.ends.end(), token) == order.ends.end();
  }
  if (!more) return false;
  for (std::size_t i = 0; i < order.parts.size(); ++i) {
    auto& part = order.parts[i];
    part.position += static_cast<std::uint32_t>(part.tokens.size());
    part.tokens = {results[i].tokens.back()};
    part.completed.clear();
  }
  begin_step();
  return true;
}

void executor_state::deliver() {
  step_result result{.parts = std::move(results)};
  result.load_wait_us = to_us(waited);
  result.compute_us = to_us(self->clock().now() - begun) - result.load_wait_us;
  compute_us += result.compute_us;
  load_wait_us += result.load_wait_us;
  order.parts.clear();  // gives pages back before the scheduler hears of the step
  running = false;
  promise.deliver(std::move(result));
}

counters executor_state::stats() const {
  return {name, {{"steps", steps}, {"tokens", tokens}, {"compute_us", compute_us}, {"load_wait_us", load_wait_us}}};
}

executor_actor::behavior_type executor(executor_actor::stateful_pointer<executor_state> self,
                                       std::shared_ptr<gpu::backend> backend) {
  auto& state = self->state;
  state.backend = std::move(backend);
  return {
      [&state](atom::ready, ticket, std::uint32_t) { state.advance(); },
      [&state](atom::failed, ticket, std::uint32_t) { state.advance(); },
      [&state](atom::step, step_order order) { return state.step(std::move(order)); },
      [&state](atom::attach, const device_tier_actor& device) { state.device = device; },
      [&state](atom::stats) { return state.stats(); },
  };
}

}  // namespace chromatin

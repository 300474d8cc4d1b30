#include "actors/executor.hpp"

#include <algorithm>

#include <spdlog/spdlog.h>

#include "actors/last_words.hpp"

namespace chromatin {

void executor_state::start(std::shared_ptr<gpu::backend> with) {
  backend = std::move(with);
  bool waits =
      backend->abandon([handle = executor_actor{self}] { caf::anon_send(handle, atom::internal_v, atom::open_v); });
  if (waits) at = phase::starting;
}

void executor_state::on_started() {
  at = phase::idle;
  if (order.parts.empty()) return;
  begin_step();
  advance();
}

caf::result<step_result> executor_state::step(step_order next) {
  if (at > phase::idle || !order.parts.empty())
    return caf::make_error(ec::busy, "the executor runs one step at a time");
  auto promise = self->make_response_promise<step_result>();
  result = answer{promise};
  order = std::move(next);
  dropped.assign(order.parts.size(), false);
  awaited.assign(order.parts.size(), {});
  layer = 0;
  others_wait = false;
  if (at == phase::starting) return promise;
  begin_step();
  advance();
  return promise;
}

void executor_state::begin_step() {
  gpu::step_batch batch{.sequences = {}, .steps = order.decode_steps, .ends = order.ends};
  for (const auto& part : order.parts) {
    batch.sequences.push_back(
        {.tokens = part.tokens, .position = part.position, .pages = part.pages, .sampler = part.sampler});
    tokens += static_cast<std::int64_t>(part.tokens.size());
  }
  at = phase::layers;
  backend->begin(std::move(batch));
}

void executor_state::advance() {
  if (at != phase::layers) return;
  for (; layer < backend->geometry().layers; ++layer) {
    std::vector<gpu::fence> fences;
    if (!layer_loaded(fences)) return;
    save_layer(backend->run_layer(layer, fences));
  }
  at = phase::finishing;
  backend->finish([handle = executor_actor{self}](gpu::step_output output) {
    caf::anon_send(handle, atom::internal_v, atom::finished_v, std::make_shared<gpu::step_output>(std::move(output)));
  });
}

bool executor_state::layer_loaded(std::vector<gpu::fence>& fences) {
  bool all = true;
  for (std::size_t i = 0; i < order.parts.size(); ++i) {
    if (dropped[i]) continue;
    auto state = look_at_load(i, fences);
    if (state == load_state::arrived) continue;
    if (state == load_state::late)
      drop(i);
    else
      all = false;
  }
  return all;
}

executor_state::load_state executor_state::look_at_load(std::size_t i, std::vector<gpu::fence>& fences) {
  const auto& part = order.parts[i];
  auto arrived = [&](const gpu::fence& fence) {
    if (fence.failed()) return load_state::late;
    if (!fence.over() && !backend->orders_loads()) {
      wake_after(fence);
      return load_state::awaited;
    }
    fences.push_back(fence);
    if (!fence.over()) awaited[i].push_back(fence);
    return load_state::arrived;
  };
  if (layer == 0)
    if (auto state = arrived(part.before); state != load_state::arrived) return state;
  if (!part.loading) return load_state::arrived;
  if (part.loading->failed()) return load_state::late;
  if (part.loading->layers_ordered() <= layer) return may_wait(i) ? load_state::awaited : load_state::late;
  auto state = arrived(part.loading->arrives(layer));
  if (state == load_state::late) part.loading->fail();
  return state;
}

/// A sequence waits for its load where it holds up nobody.
bool executor_state::may_wait(std::size_t part) const {
  if (others_wait) return false;
  for (std::size_t i = 0; i < dropped.size(); ++i)
    if (i != part && !dropped[i]) return false;
  return true;
}

void executor_state::hurry() {
  others_wait = true;
  advance();
}

void executor_state::drop(std::size_t part) {
  dropped[part] = true;
  ++late_parts;
  backend->drop(static_cast<std::uint32_t>(part));
}

void executor_state::wake_after(const gpu::fence& fence) {
  fence.then([handle = executor_actor{self}](bool) { caf::anon_send(handle, atom::internal_v, atom::proceed_v); });
}

void executor_state::save_layer(const gpu::fence& computed) {
  for (std::size_t i = 0; i < order.parts.size(); ++i) {
    const auto& part = order.parts[i];
    if (part.completed.empty() || dropped[i]) continue;
    auto after = awaited[i];  // what a failed load made of it is not saved
    after.push_back(computed);
    self->send(device, atom::save_v, part.turn, save_order{part.completed, layer, layer + 1, gpu::join(after)});
  }
}

void executor_state::on_finished(gpu::step_output& output) {
  ++steps;
  compute_us += output.compute_us;
  at = phase::idle;
  auto parts = std::exchange(order.parts, {});  // gives pages back before the scheduler hears of the step
  if (!output.error.empty()) {
    auto error = caf::make_error(ec::not_available, "the backend failed: " + output.error);
    spdlog::error("executor: {}", explain(error));
    result.deliver(error);
    self->quit(error);
    return;
  }
  step_result given{.parts = {}, .compute_us = output.compute_us};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    auto& sequence = output.sequences.at(i);
    // The device waited for these loads itself; one that failed left the step with whatever was in the page.
    auto failed = [](const gpu::fence& f) { return f.failed(); };
    if (std::any_of(awaited[i].begin(), awaited[i].end(), failed)) {
      sequence = {.dropped = true};
      if (parts[i].loading) parts[i].loading->fail();
    }
    given.parts.push_back(
        {std::move(sequence.tokens), std::move(sequence.likelihoods), sequence.dropped, std::move(sequence.error)});
  }
  parts.clear();
  result.deliver(std::move(given));
}

counters executor_state::stats() const {
  return {name, {{"steps", steps}, {"tokens", tokens}, {"compute_us", compute_us}, {"late_parts", late_parts}}};
}

executor_actor::behavior_type executor(executor_actor::stateful_pointer<executor_state> self,
                                       std::shared_ptr<gpu::backend> backend) {
  auto& state = self->state;
  state.start(std::move(backend));
  keep_last_words(self);
  return {
      [&state](atom::ready, ticket, std::uint32_t, const gpu::fence&) { state.advance(); },
      [&state](atom::failed, ticket, std::uint32_t) { state.advance(); },
      [&state](atom::step, step_order order) { return state.step(std::move(order)); },
      [&state](atom::hurry) { state.hurry(); },
      [&state](atom::internal, atom::proceed) { state.advance(); },
      [&state](atom::internal, atom::open) { state.on_started(); },
      [&state](atom::internal, atom::finished, const std::shared_ptr<gpu::step_output>& output) {
        state.on_finished(*output);
      },
      [&state](atom::attach, const device_tier_actor& device) { state.device = device; },
      [&state](atom::stats) { return state.stats(); },
  };
}

}  // namespace chromatin

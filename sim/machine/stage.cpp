#include "sim/machine/stage.hpp"

#include <algorithm>

#include <caf/event_based_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <fmt/format.h>

#include "actors/device_tier.hpp"
#include "actors/executor.hpp"
#include "actors/host_tier.hpp"
#include "actors/prefetcher.hpp"

namespace chromatin::sim {
namespace {

/// Nobody reads what is answered.
class silent_tokenizer final : public model::tokenizer {
 public:
  std::uint32_t size() const override { return 2; }
  std::vector<kv::token_id> encode(std::string_view, model::text_place) const override { return {}; }
  std::vector<std::string> controls() const override { return {}; }
  std::optional<kv::token_id> find_control(std::string_view) const override { return {}; }
  std::string bytes(kv::token_id) const override { return {}; }
  bool adds_leading_space() const override { return false; }
  kv::hash128 hash() const override { return {}; }
};

/// What the scheduler asks of a model: the length of its window, and that answers end when they were asked to.
std::shared_ptr<const model::checkpoint> checkpoint_with(std::uint32_t context) {
  model::checkpoint made{.name = {},
                         .config = {},
                         .tokenizer = std::make_shared<silent_tokenizer>(),
                         .chat = model::chat_template::none(),
                         .weights = {},
                         .fingerprint = {}};
  made.config.context = context;
  made.config.vocabulary = 2;
  return std::make_shared<const model::checkpoint>(std::move(made));
}

/// Keeps no rows: a simulated disk is not opened again.
catalog_actor::behavior_type forgetful_catalog(catalog_actor::pointer) {
  return {
      [](atom::open) { return std::vector<io::stored_chunk>{}; },
      [](atom::commit, const io::catalog_change&) -> caf::result<void> { return {}; },
  };
}

using ending = std::shared_ptr<std::function<void(const turn_outcome*, const std::string&)>>;

caf::behavior clients_of(caf::event_based_actor* self, scheduler_actor scheduler) {
  return {[=](atom::turn, const turn_order& order, const ending& ended) {
    self->request(scheduler, caf::infinite, atom::turn_v, order)
        .then([ended](const turn_outcome& outcome) { (*ended)(&outcome, {}); },
              [ended](const caf::error& error) { (*ended)(nullptr, explain(error)); });
  }};
}

caf::strong_actor_ptr erased(const auto& actor) { return caf::actor_cast<caf::strong_actor_ptr>(actor); }

}  // namespace
}  // namespace chromatin::sim

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::sim::ending)

namespace chromatin::sim {

stage::room stage::room_of(const stage_options& options) const {
  auto block_bytes = machine_.kv_bytes_per_token * options.block_tokens;
  auto blocks = [&](double gb) { return static_cast<std::uint32_t>(std::min(gb * 1e9 / block_bytes, 4e9)); };
  room r{.device = blocks(machine_.device_gb), .host = blocks(machine_.host_gb), .disk = blocks(machine_.disk_gb)};
  if (options.cache_tokens > 0) {
    auto all = static_cast<std::uint32_t>(std::min<std::uint64_t>(options.cache_tokens / options.block_tokens, 4e9));
    r.host = std::min(r.host, all);
    r.disk = all - r.host;
  }
  if (r.host == 0) r.disk = 0;  // it is reached through host memory only
  auto wanted = kv::chunks_for(time_.units(options.context_tokens));
  if (time_.units(options.context_tokens) < 4 * kv::tokens_per_chunk)
    throw std::runtime_error(fmt::format("{}: model.context_tokens {} must be at least four blocks of {}",
                                         machine_.name, options.context_tokens, options.block_tokens));
  if (!machine_.device_keeps) r.device = std::min(r.device, wanted * static_cast<std::uint32_t>(machine_.batch));
  if (r.device < wanted)
    throw std::runtime_error(fmt::format(
        "{}: device.gb {} holds {} tokens, a window has {}; --set device.gb={:.3g} holds one, a batch needs more",
        machine_.name, machine_.device_gb, std::uint64_t{r.device} * options.block_tokens, options.context_tokens,
        std::ceil(wanted * block_bytes / 1e7) / 100));
  return r;
}

stage::stage(const machine& m, const stage_options& options)
    : machine_{m},
      time_{m, options.block_tokens},
      coordinator_{dynamic_cast<caf::scheduler::test_coordinator&>(system_.scheduler())},
      events_{system_.clock().now()},
      room_{room_of(options)},
      block_tokens_{options.block_tokens},
      checkpoint_{checkpoint_with(time_.units(options.context_tokens))},
      backend_{std::make_shared<modelled_backend>(m, time_, events_)} {
  auto geometry = backend_->geometry();
  executor = system_.spawn(chromatin::executor, backend_);
  device =
      system_.spawn(device_tier, device_parts{geometry, backend_->make_arena(room_.device), backend_, options.policy});
  scheduler = system_.spawn(chromatin::scheduler, checkpoint_, executor, device,
                            scheduler_limits{.step_tokens_max = std::max(1u, time_.units(m.step_tokens)),
                                             .batch_max = static_cast<std::uint32_t>(m.batch),
                                             .queue_max = static_cast<std::uint32_t>(m.queue) + 1,
                                             .overflow = m.overflow(),
                                             .loading = {m.layerwise_loading, m.recomputes}});
  caf::anon_send(executor, atom::attach_v, device);
  caf::anon_send(device, atom::attach_v, caf::actor_cast<turn_listener_actor>(scheduler),
                 caf::actor_cast<layer_sink_actor>(executor));
  if (room_.host > 0) spawn_host(options);
  clients_ = system_.spawn(clients_of, scheduler);
}

void stage::spawn_host(const stage_options& options) {
  auto geometry = backend_->geometry();
  host = system_.spawn(
      host_tier, host_parts{geometry, make_empty_arena(room_.host, geometry.chunk_bytes()), backend_, options.policy});
  prefetcher = system_.spawn(chromatin::prefetcher, geometry.layers, std::max(1u, room_.host / 3),
                             caf::timespan{std::chrono::seconds{machine_.idle_prefetch ? 1 : 0}});
  caf::anon_send(device, atom::attach_v, erased(host));
  caf::anon_send(prefetcher, atom::attach_v, erased(host));
  caf::anon_send(scheduler, atom::attach_v, prefetcher);
  if (room_.disk > 0) spawn_disk(options);
}

void stage::spawn_disk(const stage_options& options) {
  auto geometry = backend_->geometry();
  auto layout = io::slot_layout::of(room_.disk * geometry.chunk_bytes(), geometry.chunk_bytes());
  auto segments = (layout.slots + layout.slots_per_segment - 1) / layout.slots_per_segment;
  disk_device_ = std::make_shared<modelled_disk>(segments, machine_, time_, events_);
  catalog_ = system_.spawn(forgetful_catalog);
  disk_tier =
      system_.spawn(chromatin::disk_tier, geometry,
                    disk_parts{.device = disk_device_, .layout = layout, .catalog = catalog_, .policy = options.policy},
                    std::vector<io::stored_chunk>{});
  caf::anon_send(host, atom::attach_v, erased(disk_tier));
}

stage::~stage() {
  for (const auto& part : {erased(clients_), erased(scheduler), erased(prefetcher), erased(executor), erased(device),
                           erased(host), erased(disk_tier), erased(catalog_)})
    if (part) caf::anon_send_exit(part, caf::exit_reason::user_shutdown);
  while (coordinator_.try_run_once()) {
  }
  events_.clear();
  while (coordinator_.try_run_once()) {
  }
}

std::uint64_t stage::capacity_tokens() const { return (std::uint64_t{room_.host} + room_.disk) * block_tokens_; }

double stage::simulated_s() const { return std::chrono::duration<double>(events_.now().time_since_epoch()).count(); }

void stage::begin(turn_order order, std::function<void(const turn_outcome*, const std::string&)> ended) {
  caf::anon_send(clients_, atom::turn_v, std::move(order),
                 std::make_shared<std::function<void(const turn_outcome*, const std::string&)>>(std::move(ended)));
}

/// All messages of a moment, then the next moment: an event's or a timeout's, whichever comes first.
void stage::run(const std::function<bool()>& until) {
  while (true) {
    while (coordinator_.try_run_once()) {
    }
    if (until()) return;
    auto next = events_.next();
    const auto& timeouts = coordinator_.clock().schedule();
    if (!timeouts.empty() && (!next || timeouts.begin()->first < *next)) next = timeouts.begin()->first;
    if (!next) return;
    coordinator_.advance_time(std::max(*next - events_.now(), timeline::duration::zero()));
    events_.move_to(*next);
  }
}

std::int64_t stage::counter(const measured_actor& of, const std::string& name) {
  std::int64_t result = 0;
  system_.spawn([&](caf::event_based_actor* self) {
    self->request(of, caf::infinite, atom::stats_v).then([&](const counters& c) {
      for (const auto& [key, value] : c.values)
        if (key == name) result = value;
    });
  });
  while (coordinator_.try_run_once()) {
  }
  return result;
}

}  // namespace chromatin::sim

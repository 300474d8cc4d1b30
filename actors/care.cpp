// How the parts of a running system are kept up: what starts each of them again, and what happens while one is away.

#include <chrono>
#include <cstring>
#include <future>
#include <memory>

#include <caf/scoped_actor.hpp>
#include <fmt/format.h>

#include "actors/system_parts.hpp"

namespace chromatin {
namespace {

constexpr auto probe_within = std::chrono::seconds{5};

/// Does the device answer, and without an error?
caf::error probe(io::device& device) {
  constexpr std::size_t bytes = 4096;
  auto memory = std::make_shared<kv::memory_block>(kv::plain_memory(bytes));  // a late read still finds it
  auto answered = std::make_shared<std::promise<int>>();
  auto error = answered->get_future();
  device.read({}, {memory->data.get(), bytes}, io::urgency::turn_waits,
              [memory, answered](int code) { answered->set_value(code); });
  if (error.wait_for(probe_within) != std::future_status::ready)
    return caf::make_error(ec::store_failed,
                           fmt::format("the device does not answer within {} s", probe_within.count()));
  if (auto code = error.get(); code != 0)
    return caf::make_error(ec::store_failed, fmt::format("the device cannot be read: {}", std::strerror(code)));
  return {};
}

}  // namespace

/// The functions run in the supervisor, which is the only one to change these handles after the start.
std::map<std::string, part_care> running_system::parts::cares() {
  part_care executor_care{.start = [this] { return start_executor(); }, .leave = nullptr};
  executor_care.deaths_max = 3;
  executor_care.within = std::chrono::minutes{1};
  part_care host_care{.start = [this] { return start_host_tier(); },
                      .leave =
                          [this] {
                            host_tier = nullptr;
                            caf::anon_send(device_tier, atom::detach_v);
                            caf::anon_send(prefetcher, atom::detach_v);
                          }};
  part_care disk_care{.start = [this] { return start_disk_tier(); },
                      .leave =
                          [this] {
                            disk_tier = nullptr;
                            if (host_tier) caf::anon_send(host_tier, atom::detach_v);
                          }};
  part_care prefetcher_care{.start = [this] { return start_prefetcher(); }, .leave = [] {}};
  part_care archive_care{.start = [this] { return start_archive(); }, .leave = [] {}};
  return {{"executor", executor_care},
          {"host-tier", host_care},
          {"disk-tier", disk_care},
          {"prefetcher", prefetcher_care},
          {"archivist", archive_care}};
}

caf::strong_actor_ptr running_system::parts::start_executor() {
  spawn_executor();
  hear_turns();
  caf::anon_send(scheduler, atom::attach_v, executor);
  return tell("executor", executor);
}

caf::strong_actor_ptr running_system::parts::start_host_tier() {
  spawn_host_tier();
  auto handle = tell_tier("host-tier", host_tier);
  if (disk_tier) caf::anon_send(host_tier, atom::attach_v, caf::actor_cast<caf::strong_actor_ptr>(disk_tier));
  caf::anon_send(device_tier, atom::attach_v, handle);
  caf::anon_send(prefetcher, atom::attach_v, handle);
  return handle;
}

caf::expected<caf::strong_actor_ptr> running_system::parts::start_disk_tier() {
  if (auto error = probe(*disk.device)) return error;
  caf::scoped_actor self{*system};
  caf::anon_send_exit(disk.catalog, caf::exit_reason::user_shutdown);  // it may be what died
  self->wait_for(disk.catalog);                                        // one at a time has the files
  disk.catalog = system->spawn<caf::detached>(chromatin::catalog, chunks);
  std::vector<io::stored_chunk> found;
  caf::error failed;
  self->request(disk.catalog, caf::infinite, atom::open_v)
      .receive([&](std::vector<io::stored_chunk>& rows) { found = std::move(rows); },
               [&](const caf::error& error) { failed = error; });
  if (failed) return failed;
  spawn_disk_tier(std::move(found));
  auto handle = tell_tier("disk-tier", disk_tier);
  if (host_tier) caf::anon_send(host_tier, atom::attach_v, handle);
  if (carrier) caf::anon_send(carrier, atom::attach_v, handle);
  return handle;
}

caf::strong_actor_ptr running_system::parts::start_prefetcher() {
  spawn_prefetcher();
  if (host_tier) caf::anon_send(prefetcher, atom::attach_v, caf::actor_cast<caf::strong_actor_ptr>(host_tier));
  caf::anon_send(scheduler, atom::attach_v, prefetcher);
  return tell("prefetcher", prefetcher);
}

void running_system::parts::on_fatal(const std::string& part, const std::string& why) {
  if (part == "executor") caf::anon_send(scheduler, atom::detach_v);  // its turns are told why
  if (options.on_fatal) options.on_fatal(part + ' ' + why);
}

}  // namespace chromatin

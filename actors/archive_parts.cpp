// How the archive of a running system is set up: a part of launch.cpp and care.cpp.

#include <caf/scoped_actor.hpp>
#include <fmt/format.h>

#include "actors/archivist.hpp"
#include "actors/carrier.hpp"
#include "actors/system_parts.hpp"
#include "archive/kept_simulator.hpp"
#include "archive/spool.hpp"
#include "kv/policy/policies.hpp"

namespace chromatin {

/// What may throw must do so before there are actors.
void running_system::parts::open_archive() {
  const auto& wanted = options.archive;
  if (wanted.folder.empty()) return;
  if (options.disk.empty())
    throw std::runtime_error("--dna needs --disk: the keys that archives are sealed with must outlive the process");
  if (wanted.expect > 0 && !kv::make_policy(options.policy)->foretells())
    throw std::runtime_error(fmt::format(
        "--dna-expect needs --policy predictive: {} does not learn when conversations return", options.policy));
  if (wanted.spool.empty()) {
    auto model = archive::simulator_options::of(dna::wetlab::find_error_profile(wanted.channel));
    model.seed = wanted.seed;
    model.synthesis_time = wanted.synthesis_time;
    model.sequencing_time = wanted.sequencing_time;
    laboratory = std::make_shared<archive::kept_simulator>(wanted.folder / "laboratory", std::move(model));
  } else {
    laboratory = std::make_shared<archive::spool>(wanted.spool);
  }
  archive_work = std::make_shared<archive::keeper>(
      archive::keeper_options{
          .folder = wanted.folder / "tubes", .cache = {geometry, cache}, .schedule = wanted.schedule},
      laboratory);
  notices.push_back(fmt::format(
      "{}: {} tubes; {}", wanted.folder.string(), archive_work->figures().tubes,
      wanted.spool.empty() ? "the laboratory is simulated" : fmt::format("orders go to {}", wanted.spool.string())));
}

void running_system::parts::spawn_archive() {
  keeper = system->spawn<caf::detached>(chromatin::keeper, archive_work, world_clock(), true);
  carrier = system->spawn(chromatin::carrier, carrier_options{{geometry, cache}, archive_work->room_bytes()});
  if (disk_tier) caf::anon_send(carrier, atom::attach_v, caf::actor_cast<caf::strong_actor_ptr>(disk_tier));
  std::function<bool()> disk_is_full;
  if (options.archive.disk_share_max > 0)
    disk_is_full = [folder = options.disk, max = options.archive.disk_share_max] {
      std::error_code unknown;
      const auto space = std::filesystem::space(folder, unknown);
      return !unknown && static_cast<double>(space.available) < (1 - max) * static_cast<double>(space.capacity);
    };
  const archivist_options shape{.pool_window = options.archive.pool_window,
                                .idle = options.archive.idle,
                                .disk_is_full = std::move(disk_is_full),
                                .schedule = !options.archive.schedule.empty(),
                                .expect = options.archive.expect,
                                .usual = laboratory->usual(),
                                .reads_take = options.archive.sequencing_time,
                                .simulated = laboratory->simulated()};
  archivist =
      system->spawn(chromatin::archivist, registry, keeper, carrier, eraser_actor{device_tier}, world_clock(), shape);
  caf::anon_send(gateway, atom::attach_v, archivist);
}

caf::strong_actor_ptr running_system::parts::tell_archive() {
  tell("archive-keeper", keeper);
  return tell("archivist", archivist);
}

caf::strong_actor_ptr running_system::parts::start_archive() {
  caf::scoped_actor self{*system};
  caf::anon_send_exit(keeper, caf::exit_reason::user_shutdown);
  self->wait_for(keeper);  // one at a time has the files
  spawn_archive();
  return tell_archive();
}

}  // namespace chromatin

// How what lies on the disk is opened: a part of launch.cpp.

#include <algorithm>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "actors/memory_plan.hpp"
#include "actors/system_parts.hpp"
#include "io/thread_device.hpp"
#include "io/uring_device.hpp"

namespace chromatin {
namespace {

/// The model as it is computed, for people.
std::string cache_name(const model::checkpoint& checkpoint, kv::dtype type, model::weight_kind weights) {
  auto name = fmt::format("{}, {}", checkpoint.name, type == kv::dtype::f32 ? "f32" : "bf16");
  if (weights == model::weight_kind::int8) name += ", int8 weights";
  if (weights == model::weight_kind::q4) name += ", q4 weights";
  return name;
}

/// What is in the folder beside the cache that is served, a line each. Nobody writes these caches now: the room that
/// they do not fill goes back to the disk.
std::vector<io::model_cache> find_other_caches(const std::filesystem::path& store, kv::fingerprint served,
                                               std::vector<std::string>& notices) {
  std::vector<io::model_cache> others;
  for (auto& cache : io::caches_in(store)) {
    if (cache.model == served) continue;
    try {
      cache.bytes = io::give_back_room(cache);
    } catch (const io::sqlite_error& e) {  // its own server puts the catalogue aside
      notices.push_back(fmt::format("{}: {}", cache.folder.string(), e.what()));
    }
    auto when = cache.served_s > 0 ? fmt::format(", served last on {:%Y-%m-%d}", fmt::gmtime(cache.served_s)) : "";
    notices.push_back(fmt::format(
        "{}: the cache of {} is kept beside it: {} chunks, {}{}; `chromatin fsck {} --drop-cache {}` "
        "frees that",
        store.string(), cache.shown(), cache.chunks, size_shown(cache.bytes), when, store.string(), cache.id()));
    others.push_back(std::move(cache));
  }
  return others;
}

}  // namespace

/// Which conversations are whose is known by the models that were served from the folder.
void running_system::parts::open_conversations(const std::string& served) {
  auto salts = options.tenant_secret.empty() ? io::random_salts() : io::secret_salts(options.tenant_secret);
  conversations = io::open_registry(options.disk, std::move(salts), checkpoint->config.vocabulary);
  auto known = conversations->models();
  for (const auto& other : other_caches)  // those of earlier programs, which noted nothing
    if (std::ranges::none_of(known, [&](const auto& model) { return model.cache == other.model; }))
      conversations->note_model({.cache = other.model, .source = {}, .name = other.name});
  conversations->note_model({cache, checkpoint->fingerprint, served, checkpoint->config.vocabulary});
}

void running_system::parts::open_disk() {
  policy.name = options.policy;
  auto served = cache_name(*checkpoint, geometry.type, options.weights);
  std::vector<std::string> others;
  if (!options.disk.empty()) {  // first: it has the folder's lock, and another server's registry must not be touched
    chunks = std::make_shared<io::chunk_store>(
        io::chunk_store_options{options.disk, options.disk_bytes, geometry, cache, served, wall_clock_s()});
    other_caches = find_other_caches(options.disk, cache, others);
  }
  open_conversations(served);
  if (options.disk.empty()) {
    notices.push_back("no --disk: conversations and their cache are gone when this process ends");
    return;
  }
  // What may throw must do so before there are actors, for which their system would wait for ever.
  found_at_start = chunks->load();
  policy.learned = chunks->learned(policy.name);
  notices.insert(notices.end(), chunks->notices().begin(), chunks->notices().end());
  notices.push_back(fmt::format("{}: {} chunks and {} conversations found", options.disk.string(),
                                found_at_start.size(), conversations->conversations()));
  notices.insert(notices.end(), others.begin(), others.end());
  disk.layout = chunks->layout();
  disk.scrub_bytes_per_s = options.scrub_bytes_per_s;
  disk.policy = policy;
  auto files = io::open_segments(chunks->folder(), disk.layout.segment_sizes_bytes());
  if (!files.direct) notices.push_back("direct I/O is refused by the file system; the page cache is used");
  std::unique_ptr<io::device> device;
  try {
    device = io::make_uring_device(std::move(files));
  } catch (const io::open_error& e) {
    notices.push_back(fmt::format("{}; blocking threads are used", e.what()));
    device = io::make_thread_device(io::open_segments(chunks->folder(), disk.layout.segment_sizes_bytes()),
                                    disk_device_threads);
  }
  disk.device = options.wrap_disk ? options.wrap_disk(std::move(device)) : std::move(device);
}

/// What somebody forgot must leave the caches of models that are not served, too.
std::function<void(const key_list&)> running_system::parts::eraser_elsewhere() const {
  if (other_caches.empty()) return nullptr;
  return [caches = other_caches](const key_list& keys) {
    for (const auto& other : caches) try {
        io::erase_chunks(other, keys);
      } catch (const std::exception& e) {
        spdlog::error("chunks of a conversation that was forgotten stay in {}: {}", other.folder.string(), e.what());
      }
  };
}

}  // namespace chromatin

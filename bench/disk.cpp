/// chromatin bench disk: what the disk tier reads a second, beside what fio reads of the same files in the same way.
///
/// The tier is the real one, with its device, catalogue and checksums; orders are of one conversation each, a few at a
/// time. fio (Debian's) reads slices of the same size at random, at the same depth, with io_uring and O_DIRECT. The two
/// go in turns.

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <random>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "actors/catalog.hpp"
#include "actors/disk_tier.hpp"
#include "actors/system_parts.hpp"
#include "bench/checkpoints.hpp"
#include "bench/commands.hpp"
#include "bench/measure.hpp"
#include "io/progress.hpp"
#include "io/temporary_folder.hpp"
#include "io/uring_device.hpp"

namespace chromatin::bench {
namespace {

namespace fs = std::filesystem;

constexpr double fio_share_goal = 0.9;       ///< of what fio reads
constexpr std::uint32_t reads_at_once = 32;  ///< reads in the device at one time, as the tier has them
constexpr int fio_s = 4;                     ///< of each of its runs
constexpr std::uint32_t of_order = 16;       ///< chunks: a conversation of a thousand tokens

struct disk_flags {
  fs::path work;
  std::uint32_t chunks = 1024, orders = 4;
  int rounds = 5;
  std::string json;
};

/// The 1.1B model's: 64 KiB a slice.
kv::geometry chunk_shape() { return {22, 4, 64, kv::dtype::bf16}; }

kv::chunk_key key_of(std::uint32_t n) { return {7, n}; }

/// Waits for what tiers say.
class listener_state {
 public:
  void add(std::uint32_t more) {
    std::lock_guard lock{mutex_};
    count_ += more;
    changed_.notify_all();
  }
  void fail(const char* why) {
    std::lock_guard lock{mutex_};
    failure_ = why;
    changed_.notify_all();
  }
  /// Throws where something failed.
  void wait_for(std::uint32_t count) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return failure_ || count_ >= count; });
    if (failure_) throw std::runtime_error(failure_);
    count_ -= count;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint32_t count_ = 0;
  const char* failure_ = nullptr;
};

/// Counts chunks that are saved, and orders that ended.
upper_tier_actor::behavior_type listener(upper_tier_actor::pointer, listener_state* to) {
  return {[=](atom::ready, ticket, std::uint32_t layer, const gpu::fence&) {
            if (layer + 1 == chunk_shape().layers) to->add(1);
          },
          [=](atom::failed, ticket, std::uint32_t) { to->fail("a chunk could not be read"); },
          [=](atom::saved, const key_list& keys) { to->add(static_cast<std::uint32_t>(keys.size())); },
          [=](atom::refused, const key_list&) { to->fail("a chunk was not saved"); }};
}

/// A disk tier with `chunks` chunks.
class tier {
 public:
  tier(const fs::path& folder, const disk_flags& f)
      : flags_{f},
        arena_{kv::page_arena::make(kv::plain_memory(f.orders * of_order * chunk_shape().chunk_bytes()),
                                    chunk_shape().chunk_bytes())},
        store_{std::make_shared<io::chunk_store>(
            io::chunk_store_options{folder, f.chunks * chunk_shape().chunk_bytes(), chunk_shape(), {1, 2}})},
        device_{io::make_uring_device(io::open_segments(folder, store_->layout().segment_sizes_bytes()))} {
    catalog_ = system_.spawn<caf::detached>(chromatin::catalog, store_);
    tier_ = system_.spawn(disk_tier, chunk_shape(), disk_parts{device_, store_->layout(), catalog_}, store_->load());
    listener_ = caf::actor_cast<upper_tier_actor>(system_.spawn(listener, &heard_));
    for (std::uint32_t n = 0; n < f.chunks; n += of_order) save(n);
  }
  ~tier() {
    for (auto who : {caf::actor_cast<caf::strong_actor_ptr>(tier_), caf::actor_cast<caf::strong_actor_ptr>(catalog_),
                     caf::actor_cast<caf::strong_actor_ptr>(listener_)})
      caf::anon_send_exit(who, caf::exit_reason::user_shutdown);
  }

  /// Bytes a second over all chunks, in another order each time.
  double read_bytes_per_s(std::mt19937_64& random) {
    std::vector<std::uint32_t> begins;
    for (std::uint32_t n = 0; n < flags_.chunks; n += of_order) begins.push_back(n);
    std::shuffle(begins.begin(), begins.end(), random);
    std::vector<std::vector<kv::page_ref>> pages(flags_.orders);
    for (auto& p : pages)
      while (p.size() < of_order) p.push_back(arena_->try_allocate());
    caf::scoped_actor self{system_};
    auto s = seconds_of([&] {
      std::size_t under_way = 0;
      for (std::size_t i = 0; i < begins.size(); ++i) {
        if (under_way == flags_.orders) heard_.wait_for(1), --under_way;
        order(self, begins[i], pages[i % flags_.orders]);
        ++under_way;
      }
      heard_.wait_for(static_cast<std::uint32_t>(under_way));
    });
    return static_cast<double>(flags_.chunks * chunk_shape().chunk_bytes()) / s;
  }

  std::string files(const fs::path& folder) const {
    std::string all;
    for (std::size_t i = 0; i < store_->layout().segment_sizes_bytes().size(); ++i)
      all += (i > 0 ? ":" : "") + io::segment_name(folder, i).string();
    return all;
  }

 private:
  void save(std::uint32_t first) {
    save_order order{{}, 0, chunk_shape().layers, {}};
    std::mt19937_64 random{first};
    for (auto n = first; n < first + of_order; ++n) {
      auto page = arena_->try_allocate();
      auto words = page.writable();
      for (std::size_t at = 0; at + 8 <= words.size(); at += 8) {
        auto value = random();
        std::memcpy(&words[at], &value, 8);
      }
      std::vector<std::uint64_t> sums;
      for (std::uint32_t layer = 0; layer < chunk_shape().layers; ++layer)
        sums.push_back(kv::checksum(kv::packed_slice_of(page, chunk_shape(), layer, kv::tokens_per_chunk)));
      order.chunks.push_back({{key_of(n), kv::tokens_per_chunk},
                              n - first,
                              page,
                              std::make_shared<const std::vector<std::uint64_t>>(std::move(sums))});
    }
    caf::anon_send(tier_, atom::save_v, std::move(order), listener_);
    heard_.wait_for(of_order);
  }

  void order(caf::scoped_actor& self, std::uint32_t first, const std::vector<kv::page_ref>& pages) {
    fetch_order o{.id = new_ticket(), .into = pages, .deadline = std::chrono::minutes{1}};
    for (auto n = first; n < first + of_order; ++n) o.links.push_back({key_of(n), kv::tokens_per_chunk});
    self->request(tier_, caf::infinite, atom::fetch_v, std::move(o), caf::actor_cast<layer_sink_actor>(listener_))
        .receive(
            [](const fetch_started& started) {
              if (started.chunks.size() != of_order) throw std::runtime_error("the tier has lost chunks");
            },
            [](const caf::error& e) { throw std::runtime_error(explain(e)); });
  }

  const disk_flags& flags_;
  listener_state heard_;
  std::shared_ptr<kv::page_arena> arena_;
  std::shared_ptr<io::chunk_store> store_;
  std::shared_ptr<io::device> device_;
  system_config config_;
  caf::actor_system system_{config_};
  catalog_actor catalog_;
  disk_tier_actor tier_;
  upper_tier_actor listener_;
};

/// What fio reads of these files.
double fio_bytes_per_s(const std::string& files) {
  auto command = fmt::format(
      "fio --name=slices --filename={} --rw=randread --bs={} --iodepth={} --ioengine=io_uring --direct=1 --readonly "
      "--time_based --runtime={} --randrepeat=0 --output-format=json 2>/dev/null",
      files, chunk_shape().slice(0).bytes, reads_at_once, fio_s);
  std::unique_ptr<FILE, int (*)(FILE*)> pipe{::popen(command.c_str(), "r"), ::pclose};
  if (!pipe) throw std::runtime_error("fio cannot be started");
  std::string text;
  std::array<char, 4096> piece;
  while (auto n = std::fread(piece.data(), 1, piece.size(), pipe.get())) text.append(piece.data(), n);
  auto said = nlohmann::json::parse(text, nullptr, false);
  if (said.is_discarded() || !said.contains("jobs"))
    throw std::runtime_error("fio does not answer; it is Debian's package fio");
  return said["jobs"][0]["read"]["bw_bytes"].get<double>();
}

void run(const disk_flags& f) {
  io::temporary_folder folder{work_folder(f.work)};
  tier of{folder.path(), f};
  nlohmann::ordered_json json{{"machine", machine()}, {"goal", fio_share_goal}};
  fmt::print(
      "{}; {} chunks of {:.1f} MB in slices of {} KiB, {} orders of {} chunks at a time, {} reads in the device\n\n",
      json["machine"].get<std::string>(), f.chunks, static_cast<double>(chunk_shape().chunk_bytes()) * 1e-6,
      chunk_shape().slice(0).bytes / 1024, f.orders, of_order, reads_at_once);
  fmt::print("  {:>12} {:>12} {:>8}\n", "tier MB/s", "fio MB/s", "share");
  std::mt19937_64 random{1};
  std::vector<double> shares;
  for (int round = 0; round < f.rounds; ++round) {
    auto tier_bytes = io::waiting("the tier reads", [&] { return of.read_bytes_per_s(random); });
    auto fio_bytes = io::waiting("fio reads", [&] { return fio_bytes_per_s(of.files(folder.path())); });
    shares.push_back(tier_bytes / fio_bytes);
    fmt::print("  {:>12.0f} {:>12.0f} {:>8.2f}\n", tier_bytes * 1e-6, fio_bytes * 1e-6, shares.back());
    std::fflush(stdout);
    json["rounds"].push_back({{"tier_bytes_per_s", tier_bytes}, {"fio_bytes_per_s", fio_bytes}});
  }
  fmt::print("\n  the tier reads {:.2f} of what fio reads (median of {}; at least {})\n", median(shares), f.rounds,
             fio_share_goal);
  json["share"] = median(shares);
  write_json(f.json, json);
}

}  // namespace

void add_disk(CLI::App& bench) {
  auto* command = bench.add_subcommand("disk", "What the disk tier reads, beside fio");
  auto f = std::make_shared<disk_flags>();
  command->add_option("--work", f->work, "a folder on the disk to measure (default: a temporary folder)");
  command->add_option("--chunks", f->chunks, "of 1.4 MB each")->capture_default_str()->check(CLI::Range(64, 1 << 20));
  command->add_option("--orders", f->orders, "conversations that are loaded at one time")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  command->add_option("--rounds", f->rounds)->capture_default_str();
  command->add_option("--json", f->json, "write the figures to this file");
  command->callback([f] {
    f->chunks -= f->chunks % of_order;
    run(*f);
  });
}

}  // namespace chromatin::bench

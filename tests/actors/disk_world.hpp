#pragma once

/// The fixture of tests of the disk tier alone: its messages, over a device in memory and a real catalogue.

#include <algorithm>
#include <random>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <gtest/gtest.h>

#include "actors/disk_tier.hpp"
#include "io/faulty_device.hpp"
#include "io/memory_device.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::test {
/// A small shape: a chunk has two slices of four blocks.
inline constexpr kv::geometry page_shape{2, 1, 64, kv::dtype::bf16};

inline kv::chunk_key key(std::uint64_t n) { return {1, n}; }

/// What a tier above hears.
struct heard {
  std::vector<std::uint64_t> saved, refused;
  std::vector<std::pair<ticket, std::uint32_t>> ready, failed;
};

inline upper_tier_actor::behavior_type listener(upper_tier_actor::pointer, heard* into) {
  auto note = [](std::vector<std::uint64_t>& list, const key_list& keys) {
    for (auto k : keys) list.push_back(k.low);
  };
  return {[=](atom::ready, ticket id, std::uint32_t layer, const gpu::fence& arrives) {
            EXPECT_TRUE(arrives.passed());
            into->ready.emplace_back(id, layer);
          },
          [=](atom::failed, ticket id, std::uint32_t chunk) { into->failed.emplace_back(id, chunk); },
          [=](atom::saved, const key_list& keys) { note(into->saved, keys); },
          [=](atom::refused, const key_list& keys) { note(into->refused, keys); }};
}

struct disk_world_config : caf::actor_system_config {
  disk_world_config() {
    set("scheduler.policy", caf::atom("testing"));
    set("logger.inline-output", true);
  }
};

class disk_world : public ::testing::Test {
 protected:
  ~disk_world() override {
    for (auto who : {caf::actor_cast<caf::strong_actor_ptr>(disk_), caf::actor_cast<caf::strong_actor_ptr>(catalog_),
                     caf::actor_cast<caf::strong_actor_ptr>(upper_)})
      caf::anon_send_exit(who, caf::exit_reason::user_shutdown);
    run();
  }

  void start(std::uint32_t slots, std::uint32_t running_max = 64) {
    store_ = std::make_shared<io::chunk_store>(
        io::chunk_store_options{folder_ / "store", slots * page_shape.chunk_bytes(), page_shape, {1, 2}});
    auto memory = std::make_unique<io::memory_device>(store_->layout().segment_sizes_bytes(), 1, running_max);
    auto* behind = memory.get();
    if (faults_)
      faulty_ = std::make_shared<io::faulty_device>(std::move(memory), faults_), device_ = {faulty_, behind};
    else
      device_ = std::move(memory);
    std::shared_ptr<io::device> device = device_;
    if (faulty_) device = faulty_;
    catalog_ = system_.spawn(chromatin::catalog, store_);
    disk_ = system_.spawn(disk_tier, page_shape,
                          disk_parts{device, store_->layout(), catalog_, scrub_bytes_per_s_, policy_}, store_->load());
    upper_ = new_listener(heard_);
  }
  upper_tier_actor new_listener(heard& into) {
    return caf::actor_cast<upper_tier_actor>(system_.spawn(listener, &into));
  }

  void messages() {
    while (coordinator_.try_run_once()) {
    }
  }
  void run() {
    auto begun = [this] { return faulty_ && faulty_->poll(coordinator_.clock().now(), 1); };
    do messages();
    while (begun() || device_->poll(1));
  }

  /// A page with the bytes of chunk `n`, zeros behind them.
  chunk make(std::uint64_t n, std::uint32_t depth = 0, std::uint32_t fill = 64) {
    auto page = arena_->try_allocate();
    std::ranges::fill(page.writable(), std::byte{0});
    std::mt19937_64 random{n};
    for (auto& b : page.writable().first(page_shape.packed_bytes(fill))) b = static_cast<std::byte>(random());
    std::vector<std::uint64_t> sums;
    for (std::uint32_t layer = 0; layer < page_shape.layers; ++layer)
      sums.push_back(kv::checksum(kv::packed_slice_of(page, page_shape, layer, fill)));
    return {{key(n), fill}, depth, page, std::make_shared<const std::vector<std::uint64_t>>(std::move(sums))};
  }
  void save(std::vector<chunk> chunks, gpu::fence after = {}) {
    caf::anon_send(disk_, atom::save_v, save_order{std::move(chunks), 0, page_shape.layers, std::move(after)}, upper_);
  }
  /// Saves a chain of whole chunks and uses it, as a turn does.
  void save_chain(std::uint64_t first, std::uint32_t count) {
    key_list chain;
    for (std::uint32_t d = 0; d < count; ++d) {
      save({make(first + d, d)});
      chain.push_back(key(first + d));
    }
    touch(chain);
    run();
  }
  void touch(const key_list& chain) { caf::anon_send(disk_, atom::touch_v, chain, kv::chain_use{}); }

  struct order {
    ticket id = new_ticket();
    std::vector<kv::page_ref> pages;
  };
  order fetch(std::vector<kv::link> links, io::urgency urgency = io::urgency::turn_waits,
              caf::timespan deadline = std::chrono::hours{1}, kv::recompute_cost recompute = {}) {
    order o;
    for (std::size_t i = 0; i < links.size(); ++i) o.pages.push_back(arena_->try_allocate());
    ask({o.id, std::move(links), o.pages, deadline, urgency, recompute});
    return o;
  }
  void ask(fetch_order f) {
    system_.spawn([=, this](caf::event_based_actor* self) {
      self->request(disk_, caf::infinite, atom::fetch_v, f, caf::actor_cast<layer_sink_actor>(upper_))
          .then([this, id = f.id](const fetch_started& s) {
            promised_ = s.chunks.size();
            joins_ = s.joins;
            for (auto [ready, layer] : heard_.ready) EXPECT_NE(ready, id) << "a layer came before the promise";
          });
    });
  }
  bool holds(const kv::page_ref& page, std::uint64_t n, std::uint32_t fill = 64) {
    auto size = page_shape.packed_bytes(fill);
    return std::ranges::equal(page.bytes().first(size), make(n, 0, fill).page.bytes().first(size));
  }
  std::int64_t counter(const std::string& name) {
    std::int64_t result = -1;
    system_.spawn([&](caf::event_based_actor* self) {
      self->request(disk_, caf::infinite, atom::stats_v).then([&](const counters& c) {
        for (const auto& [what, value] : c.values)
          if (what == name) result = value;
      });
    });
    messages();
    return result;
  }
  std::vector<std::uint64_t> here(std::uint64_t first, std::uint64_t last) {
    std::vector<std::uint64_t> result;
    key_list keys;
    for (auto n = first; n <= last; ++n) keys.push_back(key(n));
    system_.spawn([&, this](caf::event_based_actor* self) {
      self->request(disk_, caf::infinite, atom::lookup_v, keys).then([&](const presence_list& found) {
        for (std::size_t i = 0; i < found.size(); ++i)
          if (found[i] == chunk_presence::here) result.push_back(first + i);
      });
    });
    messages();
    return result;
  }

  temporary_folder folder_;
  disk_world_config config_;
  caf::actor_system system_{config_};
  caf::scheduler::test_coordinator& coordinator_ = dynamic_cast<caf::scheduler::test_coordinator&>(system_.scheduler());
  std::shared_ptr<kv::page_arena> arena_ =
      kv::page_arena::make(kv::plain_memory(64 * page_shape.chunk_bytes()), page_shape.chunk_bytes());
  std::shared_ptr<io::chunk_store> store_;
  std::shared_ptr<io::fault_dice> faults_;  ///< set before the start: what goes wrong in front of the device
  std::shared_ptr<io::faulty_device> faulty_;
  std::shared_ptr<io::memory_device> device_;
  catalog_actor catalog_;
  disk_tier_actor disk_;
  upper_tier_actor upper_;
  heard heard_;
  std::size_t promised_ = 0;
  bool joins_ = false;  ///< of the last promise
  std::uint64_t scrub_bytes_per_s_ = 0;
  kv::policy_choice policy_;
};

}  // namespace chromatin::test

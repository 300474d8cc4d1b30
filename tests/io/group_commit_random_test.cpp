// Group commit in any order of events and faults, against a model of disk and catalogue.

#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "io/group_commit.hpp"
#include "tests/io/commit_rows.hpp"

namespace chromatin::io {
namespace {

/// A disk and a catalogue as a power cut would leave them.
struct model {
  std::map<std::uint32_t, std::uint64_t> bytes;  ///< by slot: whose bytes are durable; 0: nobody knows
  std::map<std::uint32_t, std::uint64_t> cache;  ///< written, not synced
  std::map<std::uint64_t, std::uint32_t> rows;
  std::map<std::uint32_t, int> writing;

  void check() const {
    std::set<std::uint32_t> slots_of_rows;
    for (auto [n, slot] : rows) {
      ASSERT_TRUE(slots_of_rows.insert(slot).second) << "slot " << slot << " has two rows";
      ASSERT_FALSE(writing.contains(slot)) << "the slot of a committed row is written";
      ASSERT_EQ(bytes.at(slot), n) << "a row says what is not on the disk";
    }
  }
};

TEST(GroupCommit, NoOrderOfEventsAndFaultsMakesARowThatIsNotTrueOrLosesASlot) {
  constexpr std::uint32_t count = 12;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random{seed};
    auto one_in = [&](std::uint64_t n) { return random() % n == 0; };
    auto layout = slots(count);
    group_commit g{layout, {}, 3};
    model m;
    std::vector<group_commit::write> writes;
    std::vector<std::uint32_t> syncs;
    std::optional<catalog_change> commit;
    std::vector<std::uint32_t> held;
    std::set<std::uint64_t> under_way;
    bool faults = true;

    auto take_todo = [&] {
      auto t = g.next();
      for (auto& w : t.writes) {
        ASSERT_EQ(std::count(held.begin(), held.end(), w.slot), 0) << "a slot that is read is written";
        m.bytes[w.slot] = 0;
        m.cache.erase(w.slot);
        ++m.writing[w.slot];
        writes.push_back(w);
      }
      syncs.insert(syncs.end(), t.syncs.begin(), t.syncs.end());
      if (t.commit) {
        ASSERT_FALSE(commit);
        commit = t.commit;
      }
      for (auto k : t.saved) {
        ASSERT_EQ(under_way.erase(k.low), 1u);
        ASSERT_TRUE(m.rows.contains(k.low));
      }
      for (auto k : t.refused) ASSERT_EQ(under_way.erase(k.low), 1u);
      for (auto k : t.dropped) ASSERT_EQ(under_way.erase(k.low), 1u);
      m.check();
      if (writes.empty() && syncs.empty() && !commit && held.empty()) {
        ASSERT_TRUE(under_way.empty()) << "chunks wait, and nothing will happen";
      }
    };
    auto end_write = [&] {
      std::swap(writes[random() % writes.size()], writes.back());
      auto w = writes.back();
      writes.pop_back();
      if (--m.writing[w.slot] == 0) m.writing.erase(w.slot);
      bool ok = !faults || !one_in(6);
      if (ok) m.cache[w.slot] = w.key.low;
      g.wrote(w.key, ok);
    };
    auto end_sync = [&] {
      auto segment = syncs.back();
      syncs.pop_back();
      bool ok = !faults || !one_in(8);
      if (ok)
        for (auto [slot, n] : m.cache)
          if (layout.at(slot).segment == segment) m.bytes[slot] = n;
      g.synced(ok);
    };
    auto end_commit = [&] {
      auto change = std::move(*commit);
      commit.reset();
      bool ok = !faults || !one_in(5);
      if (ok || one_in(2)) {  // what failed may be there all the same
        for (auto k : change.removed) m.rows.erase(k.low);
        for (const auto& c : change.added) m.rows[c.key.low] = c.slot;
      }
      g.committed(ok);
    };
    auto make_room = [&] {
      auto wanted = g.slots_short();
      for (std::uint64_t n = 1; n <= 40 && wanted > 0; ++n)
        if (g.find(key(n))) g.remove(key(n)), --wanted;
    };

    for (int step = 0; step < 600; ++step) {
      auto n = 1 + random() % 40;
      switch (random() % 8) {
        case 0:
        case 1:
          if (!g.knows(key(n))) g.save(row(n)), under_way.insert(n);
          break;
        case 2:
          if (one_in(3)) g.remove(key(n));
          break;
        case 3:
          if (const auto* c = g.find(key(n)); c && held.size() < 4) held.push_back(c->slot), g.hold(c->slot);
          break;
        case 4:
          if (!held.empty()) g.let_go(held.back()), held.pop_back();
          break;
        case 5:
          if (!writes.empty()) end_write();
          break;
        case 6:
          if (!syncs.empty()) end_sync();
          break;
        case 7:
          if (commit) end_commit();
      }
      if (!one_in(10)) make_room();  // a policy that finds nothing is possible
      take_todo();
      if (HasFatalFailure()) return;
    }
    faults = false;
    for (std::uint64_t n = 1; n <= 40; ++n) g.remove(key(n));
    for (auto slot : held) g.let_go(slot);
    held.clear();
    do {
      take_todo();
      if (!writes.empty()) end_write();
      if (!syncs.empty()) end_sync();
      if (commit) end_commit();
      take_todo();
    } while (!writes.empty() || !syncs.empty() || commit);
    EXPECT_TRUE(under_way.empty());
    EXPECT_EQ(g.chunks(), 0u);
    EXPECT_EQ(g.saving(), 0u);
    EXPECT_EQ(g.free_slots(), count);
    EXPECT_TRUE(m.rows.empty());
  }
}

}  // namespace
}  // namespace chromatin::io

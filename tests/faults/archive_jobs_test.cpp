// The power is cut between any two writes of the registry: of keys and jobs there is what was acknowledged.

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/faulty_vfs.hpp"
#include "io/registry_store.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::io {
namespace {

const conversation_key talk{"t", "talk"};

/// All that archives leave in a registry.
struct seen {
  std::vector<archive_job> jobs;
  std::optional<archive_key> key;
  bool copy = false;

  bool operator==(const seen&) const = default;
};
seen look(registry_store& store) {
  auto all = store.archives().jobs();
  EXPECT_TRUE(all.damaged.empty());
  return {std::move(all.jobs), store.archives().find_key(talk), store.find(talk).has_value()};
}

archive_job job_at(archive_state state, std::uint64_t number = 1) {
  archive_job job{.number = number, .tenant = talk.tenant, .id = talk.id, .state = state, .version = 1, .tube = "tube"};
  if (state == archive_state::decoded) job.content.resize(20'000, std::byte{7});
  return job;
}

/// The life of an archive, a change at a time.
std::vector<std::function<void(registry_store&)>> changes() {
  std::vector<std::function<void(registry_store&)>> all;
  const kv::lineage window{.tokens = {1}, .root = {5, 6}};
  all.push_back([=](registry_store& s) { s.write(talk, 1, {0, {{"user", "hello", {}}}, window, true, {{1, 1}}}); });
  all.push_back([](registry_store& s) { s.archives().add(job_at(archive_state::planned)); });
  all.push_back([](registry_store& s) { s.archives().keep_key(talk, {.name = {std::byte{1}}}); });
  for (auto state : {archive_state::ordered, archive_state::stored})
    all.push_back([=](registry_store& s) { s.archives().put(job_at(state)); });
  all.push_back([](registry_store& s) { EXPECT_TRUE(s.archives().drop_copy(talk)); });
  all.push_back([](registry_store& s) { s.archives().add(job_at(archive_state::asked)); });
  for (auto state : {archive_state::sequencing, archive_state::decoded})
    all.push_back([=](registry_store& s) { s.archives().put(job_at(state, 2)); });
  all.push_back([=](registry_store& s) {
    s.begin();
    s.write(talk, 1, {0, {{"user", "hello", {}}}, window, true, {{1, 1}}});
    s.archives().put(job_at(archive_state::settled, 2));
    s.commit();
  });
  all.push_back([](registry_store& s) { s.forget(talk); });
  return all;
}

TEST(FaultyFiles, AfterAPowerCutAnywhereKeysAndJobsAreWhatWasAcknowledged) {
  const auto all = changes();
  std::vector<seen> states;
  {
    auto store = open_registry({});
    states.push_back(look(*store));
    for (const auto& change : all) {
      change(*store);
      states.push_back(look(*store));
    }
  }
  ASSERT_EQ(states.back(), seen{});
  std::size_t cuts = 0;
  for (bool finished = false; !finished; ++cuts) {
    SCOPED_TRACE(cuts);
    ASSERT_LT(cuts, 1000U);
    test::temporary_folder folder;
    faulty_vfs files{std::make_shared<fault_dice>(cuts)};
    open_registry(folder.path(), secret_salts("a secret for tests"));
    std::size_t done = 0;
    {
      auto store = open_registry(folder.path());
      files.power_cut_after(cuts);
      try {
        for (; done < all.size(); ++done) all[done](*store);
        finished = true;
        files.power_cut();
      } catch (const std::exception&) {
      }
    }
    const auto found = look(*open_registry(folder.path()));
    const bool is_next = done + 1 < states.size() && found == states[done + 1];
    EXPECT_TRUE(found == states[done] || is_next) << "after change " << done;
  }
  EXPECT_GT(cuts, 2 * all.size()) << "each change is several writes";
}

}  // namespace
}  // namespace chromatin::io

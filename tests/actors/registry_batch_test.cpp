// Many clients at once: what waits in the registry's mailbox is written together, and answered when it is durable.

#include <gmock/gmock.h>

#include "io/sqlite.hpp"
#include "tests/actors/desk.hpp"

namespace chromatin::test {
namespace {

using testing::HasSubstr;

/// Opens conversations, all of them before the registry sees the first; answers in the same order.
class crowd {
 public:
  crowd(desk& at, const std::vector<std::string>& ids) : answers_(ids.size()) {
    for (std::size_t i = 0; i < ids.size(); ++i)
      at.system.spawn([this, &at, i, id = ids[i]](caf::event_based_actor* self) {
        self->request(at.registry, caf::infinite, atom::open_v, conversation_ref{"tenant", id}, std::string{})
            .then([this, &at, i](const conversation_info&) { answers_[i] = durable(at) > 0 ? "stored" : "not stored"; },
                  [this, i](const caf::error& error) { answers_[i] = explain(error); });
      });
    at.run();
  }
  const std::vector<std::string>& answers() const { return answers_; }

  /// As another process sees it.
  static std::int64_t durable(desk& at) {
    io::database other{at.folder / "registry.sqlite"};
    io::statement count{other, "SELECT count(*) FROM conversations"};
    count.step();
    return count.integer(0);
  }

 private:
  std::vector<std::string> answers_;
};

std::vector<std::string> names(int count) {
  std::vector<std::string> all;
  for (int i = 0; i < count; ++i) all.push_back("talk" + std::to_string(i));
  return all;
}

std::int64_t commits(desk& d) {
  auto counted = d.ask<counters>(atom::stats_v);
  for (const auto& [name, value] : counted->values)
    if (name == "commits") return value;
  return -1;
}

TEST(RegistryBatch, ManyOpensShareOneCommitAndNoneIsAnsweredBeforeIt) {
  desk d;
  d.ask<conversation_info>(atom::open_v, conversation_ref{"tenant", "first"}, std::string{});  // makes the salt
  auto before = commits(d);
  crowd all{d, names(60)};
  EXPECT_THAT(all.answers(), testing::Each(std::string{"stored"}));
  EXPECT_EQ(crowd::durable(d), 61);
  EXPECT_LE(commits(d) - before, 2);
}

TEST(RegistryBatch, AMultitudeIsWrittenInSeveralCommits) {
  desk d;
  crowd all{d, names(1000)};
  EXPECT_THAT(all.answers(), testing::Each(std::string{"stored"}));
  EXPECT_GE(commits(d), 5);
  EXPECT_LE(commits(d), 20);
}

TEST(RegistryBatch, AWriteThatFailsTakesNoOtherWithIt) {
  desk d;
  io::database{d.folder / "registry.sqlite"}.execute(
      "CREATE TRIGGER bad BEFORE INSERT ON conversations WHEN NEW.id = 'talk1' BEGIN SELECT RAISE(ABORT, 'no'); END");
  crowd all{d, names(3)};
  EXPECT_EQ(all.answers()[0], "stored");
  EXPECT_THAT(all.answers()[1], HasSubstr("store_failed"));
  EXPECT_EQ(all.answers()[2], "stored");
  EXPECT_EQ(crowd::durable(d), 2);
}

TEST(RegistryBatch, WhenTheBatchIsLostNobodyIsToldThatItIsStored) {
  desk d;
  io::database{d.folder / "registry.sqlite"}.execute(
      "CREATE TRIGGER bad BEFORE INSERT ON conversations WHEN NEW.id = 'talk1' BEGIN SELECT RAISE(ROLLBACK, 'no'); "
      "END");
  crowd all{d, names(3)};
  EXPECT_THAT(all.answers(), testing::Each(HasSubstr("store_failed")));
  EXPECT_EQ(crowd::durable(d), 0);
  crowd later{d, {"talk7"}};
  EXPECT_EQ(later.answers()[0], "stored") << "and the next batch is a new one";
}

TEST(RegistryBatch, ARegistryThatEndsWritesWhatItBegan) {
  desk d;
  d.append("talk", 1, {{"user", "hello"}});
  caf::anon_send(
      d.registry, atom::release_v,
      abandoned_turn{.conversation = {"tenant", "talk"}, .turn = 1, .computed = true, .also_saved = {{7, 7}}});
  d.coordinator.try_run_once();
  caf::anon_send_exit(d.registry, caf::exit_reason::user_shutdown);
  d.registry = nullptr;
  d.run();
  EXPECT_THAT(d.store->forget({"tenant", "talk"}), testing::Contains(kv::chunk_key{7, 7}));
}

}  // namespace
}  // namespace chromatin::test

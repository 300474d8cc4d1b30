// The registry and the catalogue on files that go wrong: what was answered is kept, what failed says so, and after a
// power cut everything that was acknowledged is there.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <map>
#include <random>

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "io/chunk_store.hpp"
#include "io/faulty_vfs.hpp"
#include "io/registry_store.hpp"
#include "io/sqlite.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::io {
namespace {

constexpr lease_owner turn = 7;

struct said {
  std::string question, answer;
  bool operator==(const said&) const = default;
};

/// Conversations as their clients know them: what was acknowledged, and what may be stored beside it.
class clients {
 public:
  explicit clients(std::uint64_t seed) : random_{seed} {}

  /// One turn of a random conversation; false if the store refused it.
  bool say(registry_store& store) {
    auto id = "c" + std::to_string(random_() % 4);
    auto& its = all_[id];
    said next{"question " + std::to_string(++turns_) + std::string(random_() % 3000, 'q'),
              "answer " + std::to_string(turns_)};
    try {
      auto record = store.load({"t", id});
      its.window = record ? record->window : kv::lineage{.tokens = {1}, .root = {5, 6}};
      its.window.tokens.insert(its.window.tokens.end(), 40, static_cast<kv::token_id>(turns_));
      its.doubt = next;
      store.write({"t", id}, turn,
                  {record ? record->version : 0,
                   {{"user", next.question, std::vector<kv::token_id>{1}}, {"assistant", next.answer, {}}},
                   its.window,
                   false,
                   {{1, static_cast<std::uint64_t>(turns_)}}});
    } catch (const std::exception&) {
      return false;
    }
    its.acknowledged.push_back(next);
    its.doubt.reset();
    return true;
  }

  /// Everything acknowledged is there, in order; beyond it at most the turn whose answer never came.
  void check(registry_store& store) {
    for (auto& [id, its] : all_) {
      auto messages = store.read({"t", id}, 0, 100000);
      std::vector<said> found;
      for (std::size_t i = 0; i + 1 < messages.size(); i += 2)
        found.push_back({messages[i].content, messages[i + 1].content});
      EXPECT_EQ(messages.size() % 2, 0u) << "half a turn";
      if (its.doubt && found.size() == its.acknowledged.size() + 1) its.acknowledged.push_back(*its.doubt);
      ASSERT_EQ(found, its.acknowledged) << id;
      its.doubt.reset();
      if (!found.empty()) {
        EXPECT_EQ(store.load({"t", id})->window.tokens.size(), 1 + 40 * found.size());
      }
    }
  }
  std::size_t acknowledged() const {
    std::size_t sum = 0;
    for (const auto& [id, its] : all_) sum += its.acknowledged.size();
    return sum;
  }

 private:
  struct conversation {
    kv::lineage window;
    std::vector<said> acknowledged;
    std::optional<said> doubt;
  };
  std::mt19937_64 random_;
  std::map<std::string, conversation> all_;
  int turns_ = 0;
};

std::unique_ptr<registry_store> open_in(const test::temporary_folder& folder) {
  return open_registry(folder.path(), secret_salts("a secret for tests"));
}

TEST(FaultyFiles, WithoutFaultsADatabaseIsWhatItIsWithoutThem) {
  test::temporary_folder folder;
  clients all{1};
  {
    faulty_vfs files{std::make_shared<fault_dice>(1)};
    auto store = open_in(folder);
    for (int i = 0; i < 60; ++i) EXPECT_TRUE(all.say(*store));
    all.check(*store);
    store.reset();
    all.check(*open_in(folder));
  }
  all.check(*open_in(folder));
  database db{folder / "registry.sqlite"};
  statement check{db, "PRAGMA integrity_check"};
  ASSERT_TRUE(check.step());
  EXPECT_EQ(check.text(0), "ok");
}

TEST(FaultyFiles, WhatIsNotSyncedAndLargeIsInTheFileAfterAnOrderlyEnd) {
  test::temporary_folder folder;
  constexpr int rows = 200;
  {
    faulty_vfs files{std::make_shared<fault_dice>(1)};
    database db{folder / "file"};
    db.execute("PRAGMA synchronous = OFF");
    db.execute("CREATE TABLE t (a INTEGER, b BLOB)");
    for (int i = 0; i < rows; ++i)
      statement{db, "INSERT INTO t VALUES (?, zeroblob(3000))"}.bind(std::int64_t{i}).run();
  }
  database db{folder / "file"};
  statement count{db, "SELECT count(*) FROM t"};
  ASSERT_TRUE(count.step());
  EXPECT_EQ(count.integer(0), rows);
}

/// A file as SQLite opens it: through the VFS that is the default one now.
class raw_file {
 public:
  explicit raw_file(const std::string& path) : vfs_{sqlite3_vfs_find(nullptr)}, path_{path} {
    memory_.resize(static_cast<std::size_t>(vfs_->szOsFile));
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_DB;
    EXPECT_EQ(vfs_->xOpen(vfs_, path_.c_str(), file(), flags, nullptr), SQLITE_OK);
  }
  raw_file(const raw_file&) = delete;
  raw_file& operator=(const raw_file&) = delete;
  ~raw_file() { file()->pMethods->xClose(file()); }

  int write(std::string_view bytes, sqlite3_int64 offset) {
    return file()->pMethods->xWrite(file(), bytes.data(), static_cast<int>(bytes.size()), offset);
  }
  int sync() { return file()->pMethods->xSync(file(), SQLITE_SYNC_FULL); }
  std::string read_all() {
    sqlite3_int64 size = 0;
    EXPECT_EQ(file()->pMethods->xFileSize(file(), &size), SQLITE_OK);
    std::string bytes(static_cast<std::size_t>(size), 'x');
    EXPECT_EQ(file()->pMethods->xRead(file(), bytes.data(), static_cast<int>(size), 0), SQLITE_OK);
    return bytes;
  }

 private:
  sqlite3_file* file() { return reinterpret_cast<sqlite3_file*>(memory_.data()); }
  sqlite3_vfs* vfs_;
  std::string path_;
  std::vector<std::max_align_t> memory_;
};

TEST(FaultyFiles, APowerCutKeepsDropsOrTearsWhatWasNotSyncedAndNothingElse) {
  constexpr std::size_t sector = 512, sectors = 8;
  fault_counts counts;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    test::temporary_folder folder;
    faulty_vfs files{std::make_shared<fault_dice>(seed, fault_odds{}, &counts)};
    auto path = (folder / "file").string();
    auto kept = counts.of(fault::cut_keeps), dropped = counts.of(fault::cut_drops);
    raw_file before{path};
    EXPECT_EQ(before.write(std::string(sectors * sector, 'a'), 0), SQLITE_OK);
    EXPECT_EQ(before.sync(), SQLITE_OK);
    EXPECT_EQ(before.write(std::string(2 * sectors * sector, 'b'), 0), SQLITE_OK);
    EXPECT_EQ(before.read_all(), std::string(2 * sectors * sector, 'b'));
    files.power_cut();
    EXPECT_EQ(before.write("c", 0), SQLITE_IOERR_WRITE) << "who had it open hears of it";
    auto after = raw_file{path}.read_all();
    EXPECT_EQ(after.size(), std::filesystem::file_size(path));
    EXPECT_GE(after.size(), sectors * sector);
    std::size_t fresh = 0;
    for (std::size_t at = 0; at < after.size(); at += sector) {
      auto one = after.substr(at, sector);
      auto first = one[0];
      EXPECT_EQ(one, std::string(one.size(), first)) << "a sector is whole";
      EXPECT_TRUE(first == 'b' || first == (at < sectors * sector ? 'a' : '\0')) << at;
      fresh += first == 'b';
    }
    if (counts.of(fault::cut_keeps) > kept) {
      EXPECT_EQ(fresh, 2 * sectors);
    } else if (counts.of(fault::cut_drops) > dropped) {
      EXPECT_EQ(fresh, 0U);
    }
  }
  EXPECT_GT(counts.of(fault::cut_drops), 5);
}

TEST(FaultyFiles, AfterEveryPowerCutTheRegistryHasWhatItAcknowledged) {
  fault_counts counts;
  std::size_t acknowledged = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    test::temporary_folder folder;
    faulty_vfs files{std::make_shared<fault_dice>(seed, fault_odds{}, &counts)};
    std::mt19937_64 random{seed};
    clients all{seed};
    for (int life = 0; life < 8 && !testing::Test::HasFatalFailure(); ++life) {
      auto store = open_in(folder);
      all.check(*store);
      files.power_cut_after(random() % 400);
      while (all.say(*store)) {
      }
    }
    all.check(*open_in(folder));
    acknowledged += all.acknowledged();
  }
  EXPECT_GT(acknowledged, 1000u);
  EXPECT_GT(counts.of(fault::cut_keeps), 20);
  EXPECT_GT(counts.of(fault::cut_drops), 20);
  EXPECT_GT(counts.of(fault::cut_tears), 20);
}

TEST(FaultyFiles, ABatchThatWasNotCommittedIsNotThereAfterAPowerCut) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    test::temporary_folder folder;
    faulty_vfs files{std::make_shared<fault_dice>(seed)};
    clients all{seed};
    {
      auto store = open_in(folder);
      for (int n = 0; n < 5; ++n) EXPECT_TRUE(all.say(*store));
      auto lost = all;
      store->begin();
      for (int n = 0; n < 5; ++n) EXPECT_TRUE(lost.say(*store));
      files.power_cut();
    }
    all.check(*open_in(folder));
  }
}

TEST(FaultyFiles, WhatFailsSaysSoAndChangesNothing) {
  fault_counts counts;
  std::size_t refused = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    test::temporary_folder folder;
    auto dice = std::make_shared<fault_dice>(seed, fault_odds{}, &counts);
    faulty_vfs files{dice};
    clients all{seed};
    auto store = open_in(folder);
    for (int round = 0; round < 6 && !testing::Test::HasFatalFailure(); ++round) {
      dice->set_odds(parse_odds("read_error=3000,write_error=10000,no_space=10000,sync_error=30000"));
      for (int n = 0; n < 20; ++n) refused += !all.say(*store);
      dice->set_odds({});
      all.check(*store);
      EXPECT_TRUE(all.say(*store)) << "it goes on when the disk does";
      if (round % 2) {
        files.power_cut();
        store = nullptr;
        store = open_in(folder);
        all.check(*store);
      }
    }
  }
  EXPECT_GT(refused, 20u);
  for (auto what : {fault::read_error, fault::write_error, fault::no_space, fault::sync_error})
    EXPECT_GT(counts.of(what), 5) << to_string(what);
}

TEST(FaultyFiles, AFlippedBitInWhatIsReadIsNeverAWrongMessage) {
  fault_counts counts;
  std::size_t refused = 0, right = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    test::temporary_folder folder;
    clients all{seed};
    auto dice = std::make_shared<fault_dice>(seed, fault_odds{}, &counts);
    faulty_vfs files{dice};
    std::map<std::string, std::vector<stored_message>> truth;
    {
      auto store = open_in(folder);
      for (int n = 0; n < 40; ++n) all.say(*store);
      for (auto id : {"c0", "c1", "c2", "c3"}) truth[id] = store->read({"t", id}, 0, 1000);
    }
    for (int n = 0; n < 30; ++n) {
      try {
        auto store = open_in(folder);
        dice->set_odds(parse_odds("read_flip=50000"));
        for (const auto& [id, messages] : truth) {
          auto got = store->read({"t", id}, 0, 1000);
          for (std::size_t i = 0; i < got.size(); ++i) {
            EXPECT_EQ(got[i].content, messages.at(i).content);
            EXPECT_EQ(got[i].tokens, messages.at(i).tokens);
          }
          ++right;
        }
      } catch (const std::exception&) {
        ++refused;
      }
      dice->set_odds({});
    }
  }
  EXPECT_GT(refused, 10u);
  EXPECT_GT(right, 100u);
  EXPECT_GT(counts.of(fault::read_flip), 20);
}

TEST(FaultyFiles, AReadThatFailsOnceIsNotDamageOfTheCatalogue) {
  constexpr kv::geometry shape{2, 1, 64, kv::dtype::bf16};
  test::temporary_folder folder;
  auto dice = std::make_shared<fault_dice>(1);
  faulty_vfs files{dice};
  chunk_store_options options{folder.path(), 2000 * shape.chunk_bytes(), shape, {1, 2}};
  {
    chunk_store store{options};
    catalog_change change;
    for (std::uint32_t i = 0; i < 1000; ++i) change.added.push_back({{0, i + 1}, i, 0, 64, {i, i}});
    store.commit(change);
  }
  std::size_t opened = 0;
  for (std::uint32_t nth = 0; nth < 60; ++nth) {
    dice->strike_next(fault::read_error, 1, nth);
    try {
      chunk_store store{options};
      dice->lift();
      EXPECT_TRUE(store.notices().empty()) << store.notices()[0];
      EXPECT_EQ(store.load().size(), 1000u);
      ++opened;
    } catch (const open_error& e) {  // it cannot be read: that is said, and nothing is lost
      dice->lift();
    }
  }
  EXPECT_GT(opened, 10u);
  EXPECT_GT(dice->counts().of(fault::read_error), 20);
}

TEST(FaultyFiles, AfterEveryPowerCutTheCatalogueHasWhatItAcknowledged) {
  constexpr kv::geometry shape{2, 1, 64, kv::dtype::bf16};
  fault_counts counts;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    test::temporary_folder folder;
    faulty_vfs files{std::make_shared<fault_dice>(seed, fault_odds{}, &counts)};
    std::mt19937_64 random{seed};
    std::map<std::uint64_t, std::uint32_t> rows, doubt;  ///< key to slot; those that are there if the last change is
    std::uint64_t next = 1;
    for (int life = 0; life < 6; ++life) {
      chunk_store store{{folder.path(), 64 * shape.chunk_bytes(), shape, {1, 2}}};
      EXPECT_TRUE(store.notices().empty());
      std::map<std::uint64_t, std::uint32_t> found;
      for (const auto& row : store.load()) found[row.key.low] = row.slot;
      ASSERT_TRUE(found == rows || found == doubt) << testing::PrintToString(found);
      rows = doubt = found;
      files.power_cut_after(random() % 60);
      while (true) {
        catalog_change change;
        if (!rows.empty() && random() % 3 == 0) {
          change.removed.push_back({0, rows.begin()->first});
          doubt.erase(rows.begin()->first);
        }
        for (int i = 0; i < 3; ++i, ++next) {
          auto slot = static_cast<std::uint32_t>(next % 64);
          std::erase_if(doubt, [&](const auto& r) { return r.second == slot; });
          change.added.push_back({{0, next}, slot, 0, 64, {next, next}});
          doubt[next] = slot;
        }
        try {
          store.commit(change);
        } catch (const sqlite_error&) {
          break;
        }
        rows = doubt;
      }
    }
  }
  EXPECT_GT(counts.of(fault::cut_drops), 20);
}

}  // namespace
}  // namespace chromatin::io

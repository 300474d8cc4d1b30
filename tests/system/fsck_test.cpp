// The real binary checks what a real server left, damaged or not; and a server serves it. FLIPS=1000 in the environment
// for a long run, SEED for others.

#include <fstream>
#include <map>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rpc/client.hpp"
#include "tests/support/environment.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/system/server_process.hpp"

namespace chromatin::test {
namespace {

using testing::HasSubstr;

const std::vector<std::string> server_options{"--compute", "f32", "--deterministic", "--disk-size", "3M",
                                              "--context", "192"};
const std::vector<std::string> names{"one", "two", "three"};
const std::vector<std::string> checked_talk{"I want to book a table for dinner.",
                                            "In San Jose please, something Italian.",
                                            "For two people at half past seven.", "What is their address?"};

struct ended {
  int status = -1;
  std::string out;
};
ended run_fsck(const std::filesystem::path& store, const std::string& more = {}) {
  ended e;
  auto* pipe = ::popen((std::string{CHROMATIN_BINARY} + " fsck " + store.string() + " " + more + " 2>&1").c_str(), "r");
  for (int c; (c = std::fgetc(pipe)) != EOF;) e.out += static_cast<char>(c);
  e.status = WEXITSTATUS(::pclose(pipe));
  return e;
}

/// One bit of a file, chosen at random; says which.
std::string flip_a_bit(const std::filesystem::path& file, std::mt19937_64& random) {
  auto bit = random() % (8 * std::filesystem::file_size(file));
  std::fstream f{file, std::ios::in | std::ios::out | std::ios::binary};
  f.seekg(static_cast<std::streamoff>(bit / 8));
  auto byte = static_cast<char>(f.get() ^ 1 << bit % 8);
  f.seekp(static_cast<std::streamoff>(bit / 8));
  f.put(byte);
  return file.filename().string() + " bit " + std::to_string(bit);
}

/// A folder that a server left after some turns of some conversations; the last of them overflows its window.
class left_store : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new temporary_folder;
    server_process server{folder_->path(), server_options};
    rpc::client client{server.address()};
    for (std::size_t c = 0; c < names.size(); ++c) {
      auto conversation = client.open(names[c]);
      for (std::size_t turn = 0; turn < 2 + 2 * c; ++turn)
        conversation.say({.text = checked_talk[(turn + c) % checked_talk.size()], .sampling = {.tokens_max = 20}});
    }
    EXPECT_EQ(server.stop(SIGTERM), 0) << server.said();
  }
  static void TearDownTestSuite() { delete folder_; }
  static std::filesystem::path store() { return *folder_ / "store"; }

  /// What each conversation answers next; an error's text where it is refused.
  static std::map<std::string, std::string> next_answers(const std::filesystem::path& folder) {
    std::map<std::string, std::string> answers;
    server_process server{folder, server_options};
    if (server.ended()) {
      EXPECT_THAT(server.said(), HasSubstr("chromatin: ")) << "it ends with a line that says why";
      return answers;
    }
    rpc::client client{server.address()};
    for (const auto& name : names) try {
        answers[name] = client.find(name).say({.text = checked_talk[0], .sampling = {.tokens_max = 20}}).text;
      } catch (const rpc::call_error& e) {
        answers[name] = std::string{"error: "} + e.what();
      }
    EXPECT_EQ(server.stop(SIGTERM), 0) << server.said();
    return answers;
  }

  static inline temporary_folder* folder_ = nullptr;
};
using FsckCommand = left_store;

TEST_F(FsckCommand, WhatAServerLeavesIsSoundAndWhatItHasOpenIsNotTouched) {
  auto words = run_fsck(store());
  EXPECT_EQ(words.status, 0) << words.out;
  EXPECT_THAT(words.out, HasSubstr("3 conversations with 24 messages"));
  auto json = run_fsck(store(), "--json");
  EXPECT_EQ(json.status, 0);
  EXPECT_THAT(json.out, HasSubstr("\"sound\": true"));
  server_process server{folder_->path(), server_options};
  auto refused = run_fsck("--disk " + store().string());
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.out, HasSubstr("is in use by process"));
  EXPECT_EQ(std::ranges::count(refused.out, '\n'), 1);
}

TEST_F(FsckCommand, WhatAKilledServerLeavesIsSoundToo) {
  temporary_folder copy;
  std::filesystem::copy(store(), copy / "store", std::filesystem::copy_options::recursive);
  {
    server_process server{copy.path(), server_options};
    rpc::client client{server.address()};
    client.open("four").say({.text = checked_talk[1], .sampling = {.tokens_max = 20}});
    server.stop(SIGKILL);
  }
  EXPECT_TRUE(std::filesystem::exists(copy / "store" / "registry.sqlite-wal"));
  auto checked = run_fsck(copy / "store");
  EXPECT_EQ(checked.status, 0) << checked.out;
  EXPECT_THAT(checked.out, HasSubstr("4 conversations with 26 messages"));
}

TEST_F(FsckCommand, AFlippedBitIsFoundOrHarmlessAndNoTokenIsWrong) {
  auto flips = number_from("FLIPS", 24ull), seed = number_from("SEED", 1ull);
  std::map<std::string, std::string> undisturbed;
  int found = 0, refused = 0, not_started = 0;
  for (std::uint64_t i = 0; i <= flips && !HasFailure(); ++i) {
    temporary_folder copy;
    auto at = copy / "store";
    std::filesystem::copy(store(), at, std::filesystem::copy_options::recursive);
    if (i == 0) {
      undisturbed = next_answers(copy.path());
      ASSERT_EQ(undisturbed.size(), names.size());
      continue;
    }
    std::mt19937_64 random{seed * 1'000'000 + i};
    std::vector<std::string> files{"registry.sqlite", "catalog.sqlite", "segment-0000.kv"};
    SCOPED_TRACE(flip_a_bit(at / files[i % files.size()], random) + ", flip " + std::to_string(i));
    auto checked = run_fsck(at);
    EXPECT_LE(checked.status, 1) << checked.out;
    found += checked.status;
    bool repaired = i % 2 == 0;
    if (repaired) run_fsck(at, "--repair");
    auto answers = next_answers(copy.path());
    not_started += answers.empty();
    for (const auto& [name, answer] : answers) {
      if (answer == undisturbed[name]) continue;
      bool is_error = answer.starts_with("error: ");
      refused += is_error;
      // A conversation that was cut back goes on from there, and fsck has said so.
      EXPECT_TRUE(is_error || (repaired && checked.out.find("conversation " + name) != std::string::npos))
          << name << ": " << answer << " instead of " << undisturbed[name] << "\n"
          << checked.out;
    }
  }
  std::printf("%d found, %d refused conversations, %d servers that did not start and said why\n", found, refused,
              not_started);
}

TEST_F(FsckCommand, BitsThatFlipWhileItServesMakeNoTokenWrong) {
  const auto flips = number_from("FLIPS", 24ull), seed = number_from("SEED", 1ull);
  constexpr std::uint64_t turns = 5;
  auto options = server_options;
  options.insert(options.end(), {"--device-mem", "3M", "--host-mem", "3M"});
  /// Answers to the same turns, round by round; `before` each turn; of a conversation that is refused no more is asked.
  auto play = [&](const std::filesystem::path& folder, std::uint64_t& refused, auto before) {
    std::map<std::string, std::vector<std::string>> answers;
    server_process server{folder, options};
    for (std::uint64_t turn = 0; turn < turns; ++turn)
      for (const auto& name : names) {
        before();
        if (answers[name].size() != turn) continue;
        try {
          rpc::client client{server.address()};
          auto text = checked_talk[turn % checked_talk.size()];
          answers[name].push_back(client.find(name).say({.text = text, .sampling = {.tokens_max = 20}}).text);
        } catch (const rpc::call_error&) {
          ++refused;
        }
      }
    EXPECT_EQ(server.stop(SIGTERM), 0) << server.said();
    return answers;
  };
  std::map<std::string, std::vector<std::string>> undisturbed;
  std::uint64_t refused = 0, compared = 0;
  for (std::uint64_t flipped = 0; flipped < flips && !HasFailure();) {
    temporary_folder copy;
    auto at = copy / "store";
    std::filesystem::copy(store(), at, std::filesystem::copy_options::recursive);
    if (undisturbed.empty()) {
      undisturbed = play(copy.path(), refused, [] {});
      ASSERT_EQ(refused, 0u);
      continue;
    }
    SCOPED_TRACE("SEED=" + std::to_string(seed) + ", from flip " + std::to_string(flipped));
    std::mt19937_64 random{seed * 1'000'000 + flipped};
    auto answers = play(copy.path(), refused, [&] {
      std::vector<std::filesystem::path> files;
      for (auto name :
           {"registry.sqlite", "registry.sqlite-wal", "catalog.sqlite", "catalog.sqlite-wal", "segment-0000.kv"})
        if (std::error_code none; std::filesystem::file_size(at / name, none) > 0 && !none) files.push_back(at / name);
      flip_a_bit(files[random() % files.size()], random);
      ++flipped;
    });
    for (const auto& [name, texts] : answers)
      for (std::size_t turn = 0; turn < texts.size(); ++turn, ++compared)
        EXPECT_EQ(texts[turn], undisturbed[name][turn]) << name << ", turn " << turn;
  }
  std::printf("%llu turns right, %llu refused\n", static_cast<unsigned long long>(compared),
              static_cast<unsigned long long>(refused));
  EXPECT_GT(compared, 0u);
}

}  // namespace
}  // namespace chromatin::test

// What was archived is what is read, frame by frame; what was damaged is named.

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include "archive/frames.hpp"
#include "archive/registry_copy.hpp"
#include "tests/archive/grown.hpp"
#include "tests/io/registry_talk.hpp"
#include "tests/support/reason.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::archive {
namespace {

using test::reason;
using testing::HasSubstr;

/// What the frames of a file say, up to the first that is damaged.
struct file_reading {
  transcript said;
  std::optional<frame_damage> damage;
};
file_reading read(std::span<const std::uint8_t> file) {
  file_reading made;
  const auto list = split_frames(file);
  made.damage = list.damage;
  for (auto frame : list.frames) made.said.take(frame);
  return made;
}

/// A file with its states: states[i] is what its first i frames say.
struct archived_life {
  explicit archived_life(std::uint64_t seed, int frames, int turns_max = 4) {
    growing_conversation conversation{seed};
    std::mt19937_64 random{seed};
    for (int i = 0; i < frames; ++i) {
      for (auto turns = 1 + random() % static_cast<std::uint64_t>(turns_max); turns > 0; --turns) conversation.turn();
      states.push_back(conversation.now);
      append_frame(file, static_cast<std::uint32_t>(states.size() - 1), written.append(conversation.now).value());
      ends.push_back(file.size());
    }
  }
  transcript written;
  byte_string file = empty_frame_file();
  std::vector<archived_conversation> states{{}};
  std::vector<std::size_t> ends{file.size()};
};

TEST(Transcript, EveryArchivingIsReadBackExactly) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    archived_life life{seed, 6};
    for (std::size_t i = 0; i < life.ends.size(); ++i) {
      const auto found = read(std::span{life.file}.first(life.ends[i]));
      EXPECT_FALSE(found.damage);
      EXPECT_EQ(found.said.frames(), i);
      EXPECT_TRUE(found.said.now() == life.states[i]) << "after frame " << i;
    }
  }
}

TEST(Transcript, ItGoesOnAfterItWasReadAsIfItHadNeverEnded) {
  archived_life life{7, 3};
  auto again = read(life.file).said;
  auto next = life.states.back();
  next.messages.push_back({"user", "are you there?", std::vector<kv::token_id>{5, 6}});
  next.window.tokens.insert(next.window.tokens.end(), {5, 6});
  EXPECT_EQ(again.append(next), life.written.append(next));
}

TEST(Transcript, WhatIsNotNewIsNoFrame) {
  archived_life life{1, 2};
  EXPECT_FALSE(life.written.append(life.states.back()));
  EXPECT_EQ(life.written.frames(), 2U);
  EXPECT_TRUE(transcript{}.append({})) << "that there is nothing is news";
}

TEST(Transcript, AWindowThatIsSaidAgainCostsNextToNothing) {
  growing_conversation conversation{3};
  for (int i = 0; i < 30; ++i) conversation.turn();
  transcript written;
  const auto first = written.append(conversation.now)->size();
  auto next = conversation.now;
  next.messages.push_back({"user", "and?", std::vector<kv::token_id>{5}});
  next.window.tokens.push_back(5);
  EXPECT_LT(written.append(next)->size(), first / 50);
  kv::truncate(next.window, 0, 0.5);
  ASSERT_LT(next.window.tokens.size(), conversation.now.window.tokens.size());
  EXPECT_LT(written.append(next)->size(), first / 10) << "what it dropped was said before, too";
}

TEST(Transcript, MessagesThatWereCutBackAreNotSaidAnyMore) {
  archived_life life{2, 2};
  auto shorter = life.states[1];
  shorter.messages.pop_back();
  append_frame(life.file, 3, life.written.append(shorter).value());
  EXPECT_TRUE(read(life.file).said.now() == shorter);
}

TEST(Transcript, AnyDamagedByteIsNamedByItsFrameAndWhatIsBeforeItIsGiven) {
  const archived_life life{11, 4, 1};
  for (std::size_t at = 0; at < life.file.size(); ++at) {
    auto file = life.file;
    file[at] ^= static_cast<std::uint8_t>(1U << at % 8);
    // The first frame that ends behind it; frame 0 is the head.
    const auto frame = static_cast<std::size_t>(std::ranges::upper_bound(life.ends, at) - life.ends.begin());
    const auto found = read(file);
    ASSERT_TRUE(found.damage) << at;
    EXPECT_EQ(found.damage->frame, frame) << at << ": " << to_string(*found.damage);
    const auto before = frame == 0 ? 0 : frame - 1;
    EXPECT_EQ(found.said.frames(), before) << at;
    EXPECT_TRUE(found.said.now() == life.states[before]) << at;
  }
}

TEST(Transcript, AFileThatEndsTooEarlyIsDamageWhereverThatIs) {
  const archived_life life{12, 3, 1};
  for (std::size_t size = 0; size < life.file.size(); ++size) {
    const auto found = read(std::span{life.file}.first(size));
    const bool between = std::ranges::find(life.ends, size) != life.ends.end();
    EXPECT_NE(found.damage.has_value(), between) << size;
    EXPECT_TRUE(found.said.now() == life.states[found.said.frames()]) << size;
  }
}

TEST(Transcript, AFrameWithoutItsChecksumIsRefusedOrSaysTheSame) {
  const archived_life life{13, 3, 1};
  const auto frames = split_frames(life.file).frames;
  for (std::size_t at = 0; at < frames[1].size(); ++at) {
    transcript said;
    said.take(frames[0]);
    byte_string damaged{frames[1].begin(), frames[1].end()};
    damaged[at] ^= static_cast<std::uint8_t>(1U << at % 8);
    bool refused = false;
    try {
      said.take(damaged);
    } catch (const frame_error& e) {
      refused = true;
      EXPECT_EQ(std::string_view{e.what()}.find('\n'), std::string_view::npos);
    }
    EXPECT_TRUE(said.now() == life.states[refused ? 1 : 2]) << at;
    EXPECT_EQ(said.frames(), refused ? 1U : 2U);
  }
}

TEST(Transcript, AFrameInAnothersPlaceIsDamage) {
  const archived_life life{14, 3, 1};
  const auto frames = split_frames(life.file).frames;
  const auto bytes = [&](std::size_t i) {
    return std::span{life.file}.subspan(life.ends[i - 1], life.ends[i] - life.ends[i - 1]);
  };
  byte_string swapped = empty_frame_file();
  for (std::size_t i : {1, 3, 2}) swapped.insert(swapped.end(), bytes(i).begin(), bytes(i).end());
  EXPECT_EQ(read(swapped).damage->frame, 2U);
  transcript said;
  said.take(frames[0]);
  EXPECT_THROW(said.take(frames[2]), frame_error) << "its dictionary is another";
  EXPECT_TRUE(said.now() == life.states[1]);
}

TEST(Transcript, AnotherFormatIsSaidToBeOne) {
  auto file = empty_frame_file();
  file.back() = 9;
  EXPECT_THAT(to_string(*split_frames(file).damage), HasSubstr("its format is 9"));
  EXPECT_THAT(to_string(*split_frames({}).damage), HasSubstr("head is damaged"));
}

/// A first frame with any record.
byte_string frame_of(const std::function<void(field_writer&)>& fill) {
  field_writer to;
  fill(to);
  byte_string frame(ZSTD_compressBound(to.bytes.size()));
  frame.resize(ZSTD_compress(frame.data(), frame.size(), to.bytes.data(), to.bytes.size(), 1));
  return frame;
}

struct window_numbers {
  std::uint64_t settled = 0, kept_tokens = 0, kept = 0, tokens = 0, cuts = 0;
};
void put_window(field_writer& to, const window_numbers& numbers) {
  to.hash({1, 2});
  for (auto value : {std::uint64_t{0}, numbers.settled, numbers.kept_tokens, numbers.kept}) to.number(value);
  for (std::uint64_t i = 0; i < numbers.kept; ++i) to.hash({3, i});
  to.number(numbers.cuts);
  to.tokens(std::vector<kv::token_id>(numbers.tokens, 7));
}

TEST(Transcript, ARecordThatCannotBeIsRefusedAndSaysWhy) {
  const auto refusal = [](const std::function<void(field_writer&)>& fill) {
    transcript said;
    const auto why = reason([&] { said.take(frame_of(fill)); });
    EXPECT_EQ(said.frames(), 0U) << why;
    EXPECT_TRUE(said.now() == archived_conversation{}) << why;
    return why;
  };
  const auto of_window = [&](const window_numbers& numbers) {
    return refusal([&](field_writer& to) {
      for (std::uint64_t value : {1, 0, 0}) to.number(value);
      put_window(to, numbers);
    });
  };
  transcript sound;
  sound.take(frame_of([](field_writer& to) {
    for (std::uint64_t value : {1, 0, 0}) to.number(value);
    put_window(to, {.settled = 64, .kept_tokens = 64, .kept = 1, .tokens = 64});
  }));
  EXPECT_EQ(sound.now().window.kept.size(), 1U);
  EXPECT_THAT(of_window({.settled = 65, .tokens = 64}), HasSubstr("window that cannot be"));
  EXPECT_THAT(of_window({.kept_tokens = 65, .kept = 2, .tokens = 64}), HasSubstr("window that cannot be"));
  EXPECT_THAT(of_window({.kept_tokens = 64, .kept = 2, .tokens = 64}), HasSubstr("window that cannot be"));
  EXPECT_THAT(of_window({.settled = std::uint64_t{1} << 32, .tokens = 64}), HasSubstr("more than 32 bits"));
  EXPECT_THAT(of_window({.tokens = 3, .cuts = 1u << 30}), HasSubstr("longer than itself"));
  EXPECT_THAT(refusal([](field_writer& to) { to.number(2); }), HasSubstr("its format is 2"));
  EXPECT_THAT(refusal([](field_writer& to) { to.number(1), to.number(3); }), HasSubstr("after 3 messages"));
  EXPECT_THAT(refusal([](field_writer& to) { to.number(1); }), HasSubstr("ends too early"));
  EXPECT_THAT(refusal([](field_writer& to) { to.bytes.assign(12, 0xff); }), HasSubstr("more than 63 bits"));
  EXPECT_THAT(refusal([](field_writer& to) {
                for (std::uint64_t value : {1, 0, 1}) to.number(value);
                to.text("user"), to.text("hello"), to.number(2);
                put_window(to, {});
              }),
              HasSubstr("neither known nor unknown"));
  EXPECT_THAT(refusal([](field_writer& to) {
                for (std::uint64_t value : {1, 0, 0}) to.number(value);
                put_window(to, {});
                to.number(0);
              }),
              HasSubstr("behind its end"));
}

TEST(Transcript, TheRegistryHasTheSameConversationAfterwards) {
  test::temporary_folder folder;
  auto store = io::open_registry(folder.path());
  io::talk talk{*store};
  talk.say({io::user("hello", io::tokens(300, 3))});
  talk.window.settled = 300;
  ASSERT_GT(kv::truncate(talk.window, 0, 0.5), 0U);
  talk.replace();
  talk.say({io::assistant("hi", {12, 2})});
  const auto before = copy_of(*store, io::alice).value();
  EXPECT_EQ(before.window, talk.window);
  transcript written, said;
  said.take(written.append(before).value());
  EXPECT_EQ(reason([&] { put_back(*store, io::alice, io::turn, said.now(), {}); }),
            "the conversation changed meanwhile")
      << "only where there is none";
  store->forget(io::alice);
  EXPECT_FALSE(copy_of(*store, io::alice));
  const kv::chunk_key chunk{8, 9};
  put_back(*store, io::alice, io::turn, said.now(), {chunk});
  EXPECT_TRUE(copy_of(*store, io::alice).value() == before);
  EXPECT_EQ(store->load(io::alice)->last_role, "assistant");
  EXPECT_EQ(store->match(io::alice.tenant, talk.window.root, before.messages)->shared, 2U);
  EXPECT_THAT(store->forget(io::alice), testing::ElementsAre(chunk));
}

}  // namespace
}  // namespace chromatin::archive

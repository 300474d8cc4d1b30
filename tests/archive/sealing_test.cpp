// What is in DNA says nothing without its key, and nothing else with it.

#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/sealed_transcript.hpp"
#include "dna/partition/partition.hpp"
#include "tests/archive/grown.hpp"
#include "tests/support/reason.hpp"

namespace chromatin::archive {
namespace {

using test::reason;
using testing::HasSubstr;

/// The same for a seed: of tests only.
io::archive_key key_of(std::uint64_t seed) {
  std::mt19937_64 random{seed};
  return new_key([&](std::span<std::byte> into) {
    for (auto& byte : into) byte = static_cast<std::byte>(random());
  });
}
byte_string bytes_of(std::string_view text) { return {text.begin(), text.end()}; }
const byte_string sealed_frame = bytes_of("what was said");

/// A file of three frames, and what each of them says.
struct sealed_life {
  explicit sealed_life(const sealer& key) : file{key} {
    growing_conversation conversation{5};
    for (int i = 0; i < 3; ++i) {
      conversation.turn();
      states.push_back(conversation.now);
      file.append(conversation.now);
      ends.push_back(file.file().size());
    }
  }
  sealed_transcript file;
  std::vector<archived_conversation> states{{}};
  std::vector<std::size_t> ends{};
};

TEST(Sealing, WhatIsSealedIsOpenedWithTheSameKeyOnly) {
  const sealer mine{key_of(1), talk};
  const auto sealed = mine.seal(1, sealed_frame);
  EXPECT_EQ(sealed.size(), sealed_frame.size() + sealer::nonce_bytes + sealer::tag_bytes);
  EXPECT_EQ(mine.open(1, sealed), sealed_frame);
  EXPECT_EQ(mine.open(2, mine.seal(2, {})), byte_string{});
  auto other_secret = key_of(1), other_name = key_of(1);
  other_secret.secret[31] ^= std::byte{1};
  other_name.name[0] ^= std::byte{1};
  for (const auto& key : {other_secret, other_name})
    EXPECT_THAT(reason([&] { sealer{key, talk}.open(1, sealed); }), HasSubstr("not sealed with this"));
}

TEST(Sealing, AFrameIsOpenedInItsOwnPlaceOnly) {
  const auto key = key_of(1);
  const auto sealed = sealer{key, talk}.seal(3, sealed_frame);
  EXPECT_THROW((sealer{key, talk}.open(2, sealed)), frame_error) << "another frame's place";
  EXPECT_THROW((sealer{key, {"tenant", "other"}}.open(3, sealed)), frame_error);
  EXPECT_THROW((sealer{key, {"other", "talk"}}.open(3, sealed)), frame_error);
  EXPECT_THROW((sealer{key, {"tenantt", "alk"}}.open(3, sealed)), frame_error);
}

TEST(Sealing, NoByteCanBeChangedTakenAwayOrAdded) {
  const sealer mine{key_of(1), talk};
  const auto sealed = mine.seal(1, sealed_frame);
  for (std::size_t at = 0; at < sealed.size(); ++at) {
    auto changed = sealed;
    changed[at] ^= static_cast<std::uint8_t>(1U << at % 8);
    EXPECT_THROW(mine.open(1, changed), frame_error) << at;
    EXPECT_THROW(mine.open(1, std::span{sealed}.first(at)), frame_error) << at;
  }
  auto longer = sealed;
  longer.push_back(0);
  EXPECT_THROW(mine.open(1, longer), frame_error);
}

TEST(Sealing, TheSameFrameIsTheSameBytesAndAnotherOneSharesNoNonce) {
  const sealer mine{key_of(1), talk};
  EXPECT_EQ(mine.seal(1, sealed_frame), (sealer{key_of(1), talk}.seal(1, sealed_frame)));
  const auto nonce = [](const byte_string& sealed) {
    return byte_string{sealed.begin(), sealed.begin() + static_cast<std::ptrdiff_t>(sealer::nonce_bytes)};
  };
  const auto first = nonce(mine.seal(1, sealed_frame));
  EXPECT_NE(nonce(mine.seal(1, bytes_of("what was saiD"))), first) << "it went on before its order was sent";
  EXPECT_NE(nonce(mine.seal(2, sealed_frame)), first);
  EXPECT_NE(nonce(sealer{key_of(2), talk}.seal(1, sealed_frame)), first);
}

TEST(Sealing, KeysAndNamesAreRandom) {
  const auto one = new_key(), other = new_key();
  EXPECT_NE(one.secret, other.secret);
  EXPECT_NE(one.name, other.name);
  EXPECT_EQ(directory_of(one).size(), 32U);
  EXPECT_EQ(directory_of(one).find_first_not_of("0123456789abcdef"), std::string::npos);
}

TEST(SealedTranscript, WhatWasAppendedIsReadBackAndNothingOfItIsThereInClear) {
  const sealer key{key_of(1), talk};
  sealed_life life{key};
  sealed_transcript found{key, life.file.file()};
  EXPECT_FALSE(found.damage());
  EXPECT_EQ(found.said().frames(), 3U);
  EXPECT_TRUE(found.said().now() == life.states.back());
  const std::string text{life.file.file().begin(), life.file.file().end()};
  for (auto word : {"breakfast", "assistant", "tenant"}) EXPECT_EQ(text.find(word), std::string::npos) << word;
  EXPECT_FALSE(found.append(life.states.back()));
  EXPECT_EQ(found.file(), life.file.file());
}

TEST(SealedTranscript, ADamagedFrameIsNamedAndWhatIsBeforeItIsGiven) {
  const sealer key{key_of(1), talk};
  sealed_life life{key};
  for (std::size_t at = 0; at < life.file.file().size(); ++at) {
    auto file = life.file.file();
    file[at] ^= static_cast<std::uint8_t>(1U << at % 8);
    const auto frame_number =
        at < empty_frame_file().size()
            ? 0
            : static_cast<std::size_t>(std::ranges::upper_bound(life.ends, at) - life.ends.begin()) + 1;
    sealed_transcript found{key, file};
    ASSERT_TRUE(found.damage()) << at;
    EXPECT_EQ(found.damage()->frame, frame_number) << at;
    EXPECT_TRUE(found.said().now() == life.states[found.said().frames()]) << at;
    EXPECT_EQ(found.said().frames() + 1, std::max<std::size_t>(1, frame_number)) << at;
  }
}

TEST(SealedTranscript, AnotherConversationsFileIsNotReadAsThisOnes) {
  sealed_life life{sealer{key_of(1), talk}};
  sealed_transcript found{sealer{key_of(2), {"tenant", "other"}}, life.file.file()};
  ASSERT_TRUE(found.damage());
  EXPECT_THAT(to_string(*found.damage()), HasSubstr("frame 1 of the transcript is damaged: it was not sealed with"));
  EXPECT_EQ(found.said().frames(), 0U);
}

TEST(SealedTranscript, EarlierBlocksOfDnaStayWhenAFrameIsAppended) {
  const sealer key{key_of(1), talk};
  growing_conversation conversation{6};
  sealed_transcript file{key};
  dna::partition tube{dna::describe(dna::profile{}, {"AACCGTGTTGCAGTCTGATC", "TCAGGATACCGTTGACGTCA"})};
  const auto path = directory_of(key_of(1)) + "/transcript";
  for (int i = 0; i < 12; ++i) conversation.turn();
  file.append(conversation.now);
  tube.put(std::vector<dna::new_file>{{path, file.file()}});
  const auto before = tube.find(path)->blocks;
  ASSERT_GT(before.size(), 8U);
  conversation.turn();
  file.append(conversation.now);
  const auto added = tube.update(path, file.file());
  const auto after = tube.find(path)->blocks;
  for (std::size_t i = 0; i + 1 < before.size(); ++i)
    EXPECT_EQ(std::tie(after[i].leaf, after[i].last), std::tie(before[i].leaf, before[i].last)) << "block " << i;
  EXPECT_LT(added.size(), after.size() - before.size() + 6) << "what is new, and a journal record";
  EXPECT_EQ(*tube.get(path).content, file.file());
}

}  // namespace
}  // namespace chromatin::archive

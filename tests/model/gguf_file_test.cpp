// The GGUF format: what is read, and files that are wrong in every place.

#include <cmath>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/gguf/contents.hpp"
#include "model/gguf/file.hpp"
#include "model/load_error.hpp"
#include "tests/model/gguf_of.hpp"
#include "tests/support/reason.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::model {
namespace {

using test::gguf_type;
using test::gguf_writer;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

gguf::file parse(const std::string& bytes) { return gguf::parse(std::as_bytes(std::span{bytes}), "m.gguf"); }

/// One line that begins with the file.
std::string refusal(const std::string& bytes) {
  auto why = test::reason([&] { parse(bytes); });
  EXPECT_THAT(why, AllOf(testing::StartsWith("m.gguf: "), Not(HasSubstr("\n"))));
  return why;
}

gguf_writer small() {
  gguf_writer w;
  w.text("general.architecture", "llama").number("llama.block_count", 3).real("llama.eps", 0.5f).flag("yes", true);
  w.texts("words", {"a", "", "longer"}).numbers("types", {1, -2}).reals("scores", {-1.5f});
  w.tensor("one", {2, 4}, gguf_type::f16, std::string(16, 'x'))
      .tensor("two", {32}, gguf_type::q8_0, std::string(34, 'y'));
  return w;
}

TEST(GgufFile, KeysAndTensorsAreRead) {
  for (std::uint32_t version : {2, 3}) {
    auto bytes = small().file();
    bytes[4] = static_cast<char>(version);
    auto file = parse(bytes);
    EXPECT_EQ(file.values.text("general.architecture"), "llama");
    EXPECT_EQ(file.values.number("llama.block_count", 1, 10), 3u);
    EXPECT_EQ(file.values.number("absent", 1, 10, 7), 7u);
    EXPECT_EQ(file.values.real("llama.eps"), 0.5);
    EXPECT_TRUE(file.values.flag("yes", false));
    EXPECT_THAT(file.values.texts("words"), testing::ElementsAre("a", "", "longer"));
    EXPECT_THAT(file.values.numbers("types"), testing::ElementsAre(1, -2));
    EXPECT_THAT(file.values.reals("scores"), testing::ElementsAre(-1.5f));
    const auto& one = file.tensors.at("one");
    EXPECT_THAT(one.shape, testing::ElementsAre(2, 4));
    EXPECT_EQ(one.type, element::f16);
    EXPECT_EQ(one.bytes.size(), 16u);
    EXPECT_EQ(one.bytes[0], std::byte{'x'});
    EXPECT_EQ(file.tensors.at("two").type_name, "Q8_0");
    EXPECT_EQ(file.tensors.at("two").bytes[0], std::byte{'y'});
  }
}

TEST(GgufFile, AFileThatEndsAnywhereIsRefused) {
  auto whole = small().file();
  for (std::size_t size = 0; size < whole.size(); ++size) refusal(whole.substr(0, size));
}

TEST(GgufFile, BitsThatFlippedNeverCrash) {
  auto whole = small().file();
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    auto spoilt = whole;
    spoilt[bit / 8] = static_cast<char>(spoilt[bit / 8] ^ 1 << bit % 8);
    auto why = test::reason([&] {
      auto file = parse(spoilt);
      for (const auto& [name, t] : file.tensors) EXPECT_LE(t.bytes.size(), whole.size());
    });
    EXPECT_THAT(why, Not(HasSubstr("\n")));
  }
}

TEST(GgufFile, OtherFilesAreSaidToBeOthers) {
  EXPECT_THAT(refusal("PK\3\4 and so on and on and on"), HasSubstr("not a GGUF file"));
  EXPECT_THAT(refusal(small().head(1)), HasSubstr("version 1 of GGUF is not supported"));
  EXPECT_THAT(refusal(small().head(4)), HasSubstr("version 4"));
  EXPECT_THAT(refusal(small().head(0x03000000)), HasSubstr("big-endian"));
}

/// A file's head whose counts are absurd: nothing may be allocated for them.
TEST(GgufFile, CountsThatTheFileHasNoRoomFor) {
  auto counts = [](std::uint64_t tensors, std::uint64_t keys) {
    std::string bytes = "GGUF";
    gguf_writer::put(bytes, std::uint32_t{3});
    gguf_writer::put(bytes, tensors);
    gguf_writer::put(bytes, keys);
    return bytes + std::string(1000, '\0');
  };
  EXPECT_THAT(refusal(counts(~0ull, 1)), HasSubstr("the number of tensors is 18446744073709551615"));
  EXPECT_THAT(refusal(counts(1, 1ull << 40)), HasSubstr("the number of keys"));
  EXPECT_THAT(refusal(counts(0, 500)), HasSubstr("the number of keys is 500"));
}

TEST(GgufFile, LengthsThatTheFileHasNoBytesFor) {
  std::string text, list;
  gguf_writer::put(text, ~std::uint64_t{0});
  EXPECT_THAT(refusal(gguf_writer{}.raw("k", 8, text).file()), HasSubstr("\"k\" needs 18446744073709551615 bytes"));
  gguf_writer::put(list, std::uint32_t{8});
  gguf_writer::put(list, std::uint64_t{1} << 61);
  EXPECT_THAT(refusal(gguf_writer{}.raw("k", 9, list).file()), HasSubstr("the length of \"k\""));
}

TEST(GgufFile, ValuesOfUnknownTypesAndListsOfLists) {
  EXPECT_THAT(refusal(gguf_writer{}.raw("k", 77, "1234").file()), HasSubstr("\"k\" has the type 77"));
  std::string nested;
  gguf_writer::put(nested, std::uint32_t{9});
  gguf_writer::put(nested, std::uint64_t{1});
  EXPECT_THAT(refusal(gguf_writer{}.raw("k", 9, nested).file()), HasSubstr("list's element type 9"));
}

TEST(GgufFile, WhatIsThereTwice) {
  EXPECT_THAT(refusal(gguf_writer{}.number("k", 1).number("k", 1).file()), HasSubstr("\"k\" is there twice"));
  auto twice = gguf_writer{}
                   .tensor("t", {8}, gguf_type::f32, std::string(32, 0))
                   .tensor("t", {8}, gguf_type::f32, std::string(32, 0));
  EXPECT_THAT(refusal(twice.file()), HasSubstr("tensor t is there twice"));
}

TEST(GgufFile, NamesAreOneLine) {
  EXPECT_THAT(refusal(gguf_writer{}.number("a\nb", 1).file()), HasSubstr("not a name in plain ASCII"));
  EXPECT_THAT(refusal(gguf_writer{}.number("", 1).file()), HasSubstr("not a name"));
  EXPECT_THAT(refusal(gguf_writer{}.number(std::string(2000, 'k'), 1).file()), HasSubstr("2000 bytes, more than"));
}

TEST(GgufFile, TensorsThatCannotBe) {
  auto with_row = [](std::vector<std::uint64_t> shape, std::uint32_t type, std::uint64_t offset) {
    return gguf_writer{}.row("t", shape, type, offset).file() + std::string(64, 0);
  };
  EXPECT_THAT(refusal(with_row({}, 0, 0)), HasSubstr("tensor t has 0 dimensions"));
  EXPECT_THAT(refusal(with_row({1, 1, 1, 1, 1}, 0, 0)), HasSubstr("tensor t has 5 dimensions"));
  EXPECT_THAT(refusal(with_row({0}, 0, 0)), HasSubstr("dimension of 0"));
  EXPECT_THAT(refusal(with_row({1ull << 32, 1ull << 32}, 0, 0)), HasSubstr("which cannot be"));
  EXPECT_THAT(refusal(with_row({4}, 4, 0)), HasSubstr("element type 4, which is not known"));
  EXPECT_THAT(refusal(with_row({40}, 8, 0)), HasSubstr("of Q8_0 they must be a multiple of 32"));
  EXPECT_THAT(refusal(with_row({4}, 0, 8)), HasSubstr("begins at 8"));
  EXPECT_THAT(refusal(with_row({4}, 0, 64)), HasSubstr("tensor t has 16 bytes from 64 on, outside the file's 64"));
  EXPECT_THAT(refusal(with_row({4}, 0, ~0ull << 5)), HasSubstr("outside the file's"));
  auto overlapping = gguf_writer{}.row("t", {16}, 0, 0).row("u", {4}, 0, 32).file() + std::string(64, 0);
  EXPECT_THAT(refusal(overlapping), HasSubstr("tensors t and u overlap"));
}

TEST(GgufFile, AlignmentsThatAreNone) {
  for (std::uint32_t bad : {0u, 3u, 4u, 48u, 1u << 20})
    EXPECT_THAT(refusal(gguf_writer{}.number("general.alignment", bad).file()),
                HasSubstr("\"general.alignment\" must be"));
}

TEST(GgufFile, ValuesOfAnotherKindThanAskedFor) {
  auto bytes = small().file();
  auto file = parse(bytes);
  const auto& v = file.values;
  auto why = [](const std::function<void()>& what) { return test::reason(what); };
  EXPECT_EQ(why([&] { v.text("nothing"); }), "m.gguf: \"nothing\" is missing");
  EXPECT_EQ(why([&] { v.text("llama.block_count"); }), "m.gguf: \"llama.block_count\" must be a text");
  EXPECT_THAT(why([&] { v.number("llama.block_count", 4, 9); }), HasSubstr("must be a whole number from 4 to 9"));
  EXPECT_THAT(why([&] { v.number("llama.eps", 0, 9); }), HasSubstr("must be a whole number"));
  EXPECT_THAT(why([&] { v.number("types", 0, 9); }), HasSubstr("\"types\" must be one value"));
  EXPECT_THAT(why([&] { v.texts("types"); }), HasSubstr("\"types\" must be a list of texts"));
  EXPECT_THAT(why([&] { v.reals("yes"); }), HasSubstr("\"yes\" must be a list"));
  EXPECT_THAT(why([&] { v.flag("llama.eps", false); }), HasSubstr("must be true or false"));
  auto infinite = gguf_writer{}.real("k", std::numeric_limits<float>::infinity()).file();
  EXPECT_THAT(why([&] { parse(infinite).values.real("k"); }), HasSubstr("\"k\" must be a number"));
}

class GgufSplit : public testing::Test {
 protected:
  /// Three files of one tensor each.
  std::vector<gguf_writer> parts() const {
    std::vector<gguf_writer> all(3);
    for (std::uint16_t i = 0; i < 3; ++i) {
      if (i == 0) all[i].text("general.architecture", "llama").number("split.tensors.count", 3);
      all[i].short_number("split.no", i).short_number("split.count", 3);
      all[i].tensor("t" + std::to_string(i), {8}, gguf_type::f32, std::string(32, static_cast<char>('a' + i)));
    }
    return all;
  }
  std::filesystem::path path(int number) const {
    return folder_ / ("m-0000" + std::to_string(number) + "-of-00003.gguf");
  }
  void write(const std::vector<gguf_writer>& all) {
    for (int i = 0; i < 3; ++i) test::write_bytes(path(i + 1), all[static_cast<std::size_t>(i)].file());
  }
  std::string open(int number) {
    return test::reason([&] { gguf::contents::open(path(number)); });
  }

  test::temporary_folder folder_;
};

TEST_F(GgufSplit, AnyFileOpensAll) {
  write(parts());
  for (int number : {1, 2, 3}) {
    auto all = gguf::contents::open(path(number));
    EXPECT_EQ(all.values.text("general.architecture"), "llama");
    ASSERT_EQ(all.tensors.size(), 3u);
    EXPECT_EQ(all.tensors.at("t2").bytes[0], std::byte{'c'});
  }
}

TEST_F(GgufSplit, AFileThatIsMissingIsNamed) {
  write(parts());
  std::filesystem::remove(path(2));
  EXPECT_THAT(open(1), AllOf(HasSubstr(path(2).string()), HasSubstr("no such file, and the model was split into 3")));
}

TEST_F(GgufSplit, FilesOfDifferentModelsDoNotMix) {
  auto all = parts();
  write({all[0], all[2], all[1]});
  EXPECT_THAT(open(1), HasSubstr("\"split.no\" is 2, where the file's name says 1"));
  write({all[0], all[1], all[1].short_number("another", 1)});
  EXPECT_THAT(open(1), HasSubstr("\"split.no\""));
  test::write_bytes(folder_ / "m.gguf", all[0].file());
  EXPECT_THAT(test::reason([&] { gguf::contents::open(folder_ / "m.gguf"); }), HasSubstr("\"split.count\" is 3"));
}

TEST_F(GgufSplit, TensorsThatAreMissingOrTwice) {
  auto all = parts();
  all[2].tensor("t0", {8}, gguf_type::f32, std::string(32, 0));
  write(all);
  EXPECT_THAT(open(1), AllOf(HasSubstr(path(3).string()), HasSubstr("tensor t0 is in a file before")));
  all = parts();
  all[2].tensor("t3", {8}, gguf_type::f32, std::string(32, 0));
  write(all);
  EXPECT_THAT(open(1), HasSubstr("\"split.tensors.count\" is 3, and the files have 4"));
}

}  // namespace
}  // namespace chromatin::model

// What an actor's error says is found again in its text.

#include <gtest/gtest.h>

#include "actors/error.hpp"
#include "rpc/client.hpp"
#include "rpc/error_text.hpp"

namespace chromatin::test {
namespace {

using namespace std::chrono_literals;

TEST(ErrorText, HasTheFieldThatIsWrong) {
  auto text = explain(wrong_field("cache_salt", ec::invalid_argument, "it is too long"));
  EXPECT_EQ(text, "invalid_argument: it is too long [field=cache_salt]");
  auto told = rpc::read_error(text);
  EXPECT_EQ(told.said, "invalid_argument: it is too long");
  EXPECT_EQ(told.field, "cache_salt");
  EXPECT_FALSE(told.retry_after);
  rpc::call_error error{text};
  EXPECT_EQ(error.code(), "invalid_argument");
  EXPECT_EQ(error.field(), "cache_salt");
  EXPECT_EQ(rpc::read_error(explain(wrong_field("prompt[1]", ec::too_large, "long"))).field, "prompt[1]");
}

TEST(ErrorText, SaysWhenToComeBack) {
  auto told = rpc::read_error(explain(come_back(ec::overloaded, "5 turns are waiting", 1500ms)));
  EXPECT_EQ(told.said, "overloaded: 5 turns are waiting");
  EXPECT_EQ(told.retry_after, 1500ms);
  EXPECT_EQ(told.field, "");
  EXPECT_EQ(rpc::call_error{"busy: a turn [retry_after_ms=20]"}.retry_after(), 20ms);
}

TEST(ErrorText, HasNoFieldThatAClientNamed) {
  auto told = rpc::read_error(explain(caf::make_error(ec::no_conversation, std::string{"there is no x [field=y]"})));
  EXPECT_EQ(told.field, "");
  auto text = explain(wrong_field("id", ec::invalid_argument, "there is x [retry_after_ms=9]"));
  EXPECT_EQ(rpc::read_error(text).field, "id");
  EXPECT_FALSE(rpc::read_error(text).retry_after);
}

TEST(ErrorText, OfOthersIsLeftAsItIs) {
  for (std::string_view text : {"", "busy", "[field=", "a [field=b] c", "a [field=b", "a]", "a [retry_after_ms=9] c"}) {
    auto told = rpc::read_error(text);
    EXPECT_EQ(told.said, text);
    EXPECT_EQ(told.field, "");
    EXPECT_FALSE(told.retry_after);
  }
}

}  // namespace
}  // namespace chromatin::test

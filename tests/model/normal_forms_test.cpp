#include "model/normal_forms.hpp"

#include <gtest/gtest.h>

namespace chromatin::model {
namespace {

TEST(NormalForms, MarksAreOrderedAndComposed) {
  EXPECT_EQ(normalized("e\u0302\u0323", normal_form::c), "ệ");
  EXPECT_EQ(normalized("ệ", normal_form::d), "e\u0323\u0302");
  EXPECT_EQ(normalized("\u0F75\u0F71", normal_form::d), "\u0F71\u0F71\u0F74");
  EXPECT_EQ(normalized("각", normal_form::d), "\u1100\u1161\u11A8");
  EXPECT_EQ(normalized("\u1100\u1161\u11A8", normal_form::c), "각");
  EXPECT_EQ(normalized("ﬁ²㌔", normal_form::kc), "fi2キロ");
  EXPECT_EQ(normalized("ﬁ²", normal_form::c), "ﬁ²");
}

TEST(NormalForms, BytesThatAreNoUtf8Stay) {
  EXPECT_EQ(normalized("\xFF"
                       "e\u0301\xE2",
                       normal_form::c),
            "\xFF"
            "é\xE2");
}

TEST(NormalForms, AHundredThousandMarksInTheWrongOrderTakeNoQuadraticTime) {
  std::string text = "a";
  for (int i = 0; i < 100'000; ++i) text += "\u0301\u0323";
  EXPECT_EQ(normalized(text, normal_form::d).substr(0, 5), "a\u0323\u0323");
}

TEST(NormalForms, SmallLettersAreOfEachCharacterAlone) { EXPECT_EQ(lowercased("ÀΣİA\xFF"), "àσi\u0307a\xFF"); }

}  // namespace
}  // namespace chromatin::model

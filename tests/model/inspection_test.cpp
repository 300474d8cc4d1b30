// What `chromatin inspect` says of a model.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/inspection.hpp"
#include "model/make_checkpoint.hpp"
#include "tests/model/gguf_of.hpp"
#include "tests/model/kept_files.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::model {
namespace {

using testing::HasSubstr;

TEST(Inspection, TheEmbeddedModel) {
  auto found = inspect(embedded, 512, 0);
  EXPECT_EQ(found.name, "concierge");
  EXPECT_EQ(found.architecture, "LlamaForCausalLM");
  EXPECT_EQ(found.model->config.context, 512u);
  EXPECT_THAT(found.traits, testing::IsEmpty());
  EXPECT_THAT(found.positions, HasSubstr("theta 10000"));
  EXPECT_THAT(found.tokenizer, HasSubstr("4096 tokens"));
  ASSERT_EQ(found.ends_of_answer.size(), 1u);
  EXPECT_EQ(found.ends_of_answer[0].second, "</s>");
  EXPECT_EQ(found.all_weights().tensors, expected_tensors(found.model->config).size());
  EXPECT_THAT(found.sample, HasSubstr("<|user|>\nHow are you?</s>\n<|assistant|>\n"));
}

TEST(Inspection, AGgufFileByTypesOfItsWeights) {
  test::temporary_folder folder;
  make_checkpoint("qwen2-tiny", 1, folder / "model", embedded);
  auto file = folder / "m.gguf";
  test::write_bytes(file, test::gguf_of(folder / "model", {.type = test::gguf_type::q8_0, .more_keys = {}}).file());
  auto found = inspect(file, 0, 0);
  EXPECT_EQ(found.architecture, "qwen2");
  EXPECT_THAT(found.files, testing::ElementsAre(file));
  ASSERT_EQ(found.weights.size(), 2u);
  EXPECT_EQ(found.weights["Q8_0"].bytes, found.weights["Q8_0"].values / 32 * 34);
  EXPECT_EQ(found.weights["F32"].bytes, found.weights["F32"].values * 4);
  EXPECT_THAT(found.sample, HasSubstr("<|im_start|>system\nBe brief.<|im_end|>"));
}

}  // namespace
}  // namespace chromatin::model

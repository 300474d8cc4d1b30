// Where a model may be: folders, files, Hugging Face's cache, Ollama's store.

#include <cstdlib>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "model/gguf/contents.hpp"
#include "model/load_error.hpp"
#include "model/model_source.hpp"
#include "tests/support/reason.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::model {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class ModelSource : public testing::Test {
 protected:
  fs::path put(const fs::path& name, const std::string& content = "GGUF and so on") {
    auto file = folder_ / name;
    fs::create_directories(file.parent_path());
    std::ofstream{file} << content;
    return file;
  }
  std::string refusal(const fs::path& what) {
    auto why = test::reason([&] { find_model(what); });
    EXPECT_THAT(why, testing::Not(HasSubstr("\n")));
    return why;
  }

  test::temporary_folder folder_;
};

TEST_F(ModelSource, AFolderWithAConfig) {
  put("some-model/config.json", "{}");
  put("some-model/beside.gguf");
  auto found = find_model(folder_ / "some-model/");
  EXPECT_FALSE(found.is_gguf());
  EXPECT_EQ(found.name, "some-model");
}

TEST_F(ModelSource, AGgufFileAndAFolderThatHasOnlyThat) {
  auto file = put("repo/model-Q4_K_M.gguf");
  put("repo/README.md");
  put("repo/mmproj-f16.gguf");
  EXPECT_EQ(find_model(file).name, "model-Q4_K_M");
  EXPECT_TRUE(find_model(file).is_gguf());
  EXPECT_EQ(find_model(folder_ / "repo").path, file);
  EXPECT_EQ(find_model(folder_ / "repo").name, "repo");
}

TEST_F(ModelSource, AFileThatWasSplitCountsOnce) {
  auto first = put("repo/m-00001-of-00002.gguf");
  auto second = put("repo/m-00002-of-00002.gguf");
  EXPECT_EQ(find_model(folder_ / "repo").path, first);
  EXPECT_EQ(find_model(second).name, "m");
}

TEST_F(ModelSource, SeveralModelsInAFolderAreNamed) {
  put("repo/a-Q4.gguf");
  put("repo/a-Q8.gguf");
  EXPECT_THAT(refusal(folder_ / "repo"),
              AllOf(HasSubstr("several models: a-Q4.gguf, a-Q8.gguf"), HasSubstr("name one")));
}

TEST_F(ModelSource, AFolderWithoutAModelSaysWhatIsThere) {
  put("repo/pytorch_model.bin");
  put("repo/notes.txt");
  EXPECT_THAT(refusal(folder_ / "repo"),
              AllOf(HasSubstr("neither config.json nor a GGUF file is there, but notes.txt, pytorch_model.bin"),
                    HasSubstr("a model is")));
  fs::create_directory(folder_ / "empty");
  EXPECT_THAT(refusal(folder_ / "empty"), HasSubstr("but nothing"));
  EXPECT_THAT(refusal("/nowhere/at/all"), HasSubstr("/nowhere/at/all: no such folder or file"));
}

TEST_F(ModelSource, APipeIsNotWaitedFor) {
  for (const char* name : {"m.gguf", "m"}) {
    auto pipe = folder_ / name;
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    EXPECT_NE(test::reason([&] { gguf::contents::open(find_model(pipe).path); }), "no error") << name;
  }
}

TEST_F(ModelSource, AFileOfACheckpointLeadsToItsFolder) {
  EXPECT_THAT(refusal(put("m/config.json", "{}")), HasSubstr("a model is the folder that it is in"));
  EXPECT_THAT(refusal(put("m/x.bin", "PK")), HasSubstr("neither a GGUF file nor a manifest"));
}

TEST_F(ModelSource, TheSnapshotThatMainNamesInACacheFolder) {
  put("models--org--the-model/snapshots/1111/config.json", "{}");
  auto file = put("models--org--the-model/blobs/abcdef", "{}");
  fs::create_directories(folder_ / "models--org--the-model/snapshots/2222");
  fs::create_symlink("../../blobs/abcdef", folder_ / "models--org--the-model/snapshots/2222/config.json");
  put("models--org--the-model/refs/main", "2222\n");
  auto found = find_model(folder_ / "models--org--the-model");
  EXPECT_EQ(found.path, folder_ / "models--org--the-model/snapshots/2222");
  EXPECT_EQ(found.name, "the-model");
}

TEST_F(ModelSource, ACacheFolderWithoutMainHasOneSnapshotOrIsRefused) {
  put("models--o--m/snapshots/1111/m.gguf");
  EXPECT_TRUE(find_model(folder_ / "models--o--m").is_gguf());
  put("models--o--m/snapshots/2222/m.gguf");
  EXPECT_THAT(refusal(folder_ / "models--o--m"), AllOf(HasSubstr("1111, 2222"), HasSubstr("no refs/main")));
  put("models--o--m/refs/main", "3333");
  EXPECT_THAT(refusal(folder_ / "models--o--m"), HasSubstr("is the download complete?"));
  put("models--o--m/refs/main", "../../elsewhere");
  EXPECT_THAT(refusal(folder_ / "models--o--m"), HasSubstr("refs/main: names a snapshot that is not in"));
}

class OllamaStore : public ModelSource {
 protected:
  static constexpr auto hash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  fs::path manifest(const std::string& name, const std::string& layers) {
    return put("store/manifests/registry.ollama.ai/" + name,
               R"({"schemaVersion": 2, "config": {"digest": "sha256:00"}, "layers": [)" + layers + "]}");
  }
  static std::string layer(const std::string& type, const std::string& digest) {
    return R"({"mediaType": "application/vnd.ollama.image.)" + type + R"(", "digest": ")" + digest + R"(", "size": 1})";
  }
  std::string model_layer() const { return layer("model", std::string{"sha256:"} + hash); }

  void SetUp() override { ::setenv("OLLAMA_MODELS", (folder_ / "store").c_str(), 1); }
  void TearDown() override { ::unsetenv("OLLAMA_MODELS"); }

  fs::path blob_ = put(std::string{"store/blobs/sha256-"} + hash);
};

TEST_F(OllamaStore, ANameLeadsToTheBlob) {
  manifest("library/tiny/latest", layer("template", "sha256:1") + "," + model_layer());
  manifest("somebody/tiny/7b", model_layer());
  EXPECT_EQ(find_model("ollama:tiny").path, blob_);
  EXPECT_EQ(find_model("ollama:tiny").name, "tiny");
  EXPECT_TRUE(find_model("ollama:tiny:latest").is_gguf());
  EXPECT_EQ(find_model("ollama:somebody/tiny:7b").name, "tiny:7b");
  EXPECT_EQ(find_model("ollama:registry.ollama.ai/somebody/tiny:7b").path, blob_);
}

TEST_F(OllamaStore, AManifestsPathDoes) {
  EXPECT_EQ(find_model(manifest("library/tiny/1b", model_layer())).path, blob_);
}

TEST_F(OllamaStore, NamesThatAreNotThere) {
  EXPECT_THAT(refusal("ollama:absent"), AllOf(HasSubstr("no manifest registry.ollama.ai/library/absent/latest"),
                                              HasSubstr((folder_ / "store").string())));
  for (auto bad : {"ollama:", "ollama:../m", "ollama:../../etc/passwd", "ollama:/etc/passwd", "ollama:a/b/c/d",
                   "ollama:a:", "ollama:a:.."})
    EXPECT_THAT(refusal(bad), HasSubstr("not a name"));
}

TEST_F(OllamaStore, ManifestsThatCannotBeUsed) {
  EXPECT_THAT(refusal(manifest("library/m/a", layer("template", "sha256:1"))), HasSubstr("names 0 models"));
  EXPECT_THAT(refusal(manifest("library/m/b", model_layer() + "," + layer("adapter", "sha256:1"))),
              HasSubstr("adapter"));
  EXPECT_THAT(refusal(manifest("library/m/c", layer("model", "sha256:../../../etc/passwd"))),
              HasSubstr("not a SHA-256"));
  EXPECT_THAT(refusal(manifest("library/m/d", "3")), HasSubstr("must be a list of objects"));
  std::string other(64, 'e');
  EXPECT_THAT(refusal(manifest("library/m/e", layer("model", "sha256:" + other))),
              AllOf(HasSubstr("sha256-" + other + " is missing"), HasSubstr("download")));
}

}  // namespace
}  // namespace chromatin::model

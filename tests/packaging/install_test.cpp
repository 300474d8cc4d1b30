// What `make install` installs works where it is, and without the source tree.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/packaging/install.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/system/server_process.hpp"

namespace chromatin::test {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

TEST(Install, TheInstalledProgramTakesTheModelThatIsInstalledWithIt) {
  temporary_folder folder;
  auto installed = install_into(folder / "root");
  ASSERT_EQ(installed.status, 0) << installed.text;
  auto binary = folder / "root/usr/bin/chromatin";
  {
    server_process server{folder.path(), {}, binary};
    EXPECT_THAT(server.said(), HasSubstr("model concierge"));
    EXPECT_EQ(server.stop(SIGTERM), 0) << server.said();
  }
  auto model = folder / "root/usr/share/chromatin/concierge";
  fs::remove(model / "model.safetensors");
  server_process server{folder.path(), {}, binary};
  EXPECT_NE(server.wait_for_end(), 0) << "it has another model";
  EXPECT_THAT(server.said(), HasSubstr(model.string() + ": "));
}

TEST(Install, APrefixStandsInTheUnitAndAConfigThatIsThereStays) {
  temporary_folder folder;
  ASSERT_EQ(install_into(folder.path(), "/opt/it").status, 0);
  auto unit = content_of(folder / "opt/it/lib/systemd/system/chromatin.service");
  EXPECT_THAT(unit, HasSubstr("ExecStart=/opt/it/bin/chromatin serve --config /opt/it/etc/chromatin/chromatin.toml\n"));
  auto config = folder / "opt/it/etc/chromatin/chromatin.toml";
  EXPECT_THAT(content_of(config), HasSubstr("\ndisk = \"/var/lib/chromatin\"\n"));
  std::ofstream{config} << "# mine\n";
  ASSERT_EQ(install_into(folder.path(), "/opt/it").status, 0);
  EXPECT_EQ(content_of(config), "# mine\n");
}

TEST(Install, AClientOfOnesOwnBuildsAgainstTheInstalledPackageAndTalks) {
  temporary_folder folder;
  ASSERT_EQ(install_into(folder / "root").status, 0);
  auto project = folder / "root/usr/share/doc/chromatin/examples/rpc_client";
  auto built = folder / "built";
  // What the installed library was instrumented with, its user has to be, too.
  std::string flags = *CHROMATIN_SANITIZE ? "-fsanitize=" CHROMATIN_SANITIZE : "";
  auto made =
      outcome_of("cmake -S " + project.string() + " -B " + built.string() + " -DCMAKE_CXX_FLAGS=" + flags +
                 " -DCMAKE_PREFIX_PATH=" + (folder / "root/usr").string() + " && cmake --build " + built.string());
  ASSERT_EQ(made.status, 0) << made.text;
  server_process server{folder.path()};
  auto said = outcome_of((built / "rpc_client").string() + " " + server.address() +
                         " 'I need a taxi at six.' 'Make it seven.'");
  EXPECT_EQ(said.status, 0) << said.text;
  EXPECT_THAT(said.text,
              testing::ContainsRegex("\n\\[[0-9]+ tokens of history and message, [0-9]+ of them computed\\]\n"
                                     "(.|\n)+\n\\[[0-9]+ tokens of history and message, "));
  server.stop(SIGTERM);
  auto alone = outcome_of((built / "rpc_client").string() + " " + server.address() + " 'Is anybody there?'");
  EXPECT_EQ(alone.status, 1);
  EXPECT_THAT(alone.text, HasSubstr("rpc_client: not_available: "));
}

TEST(Install, TheExampleIsAsShortAsItIsSaidToBe) {
  auto text = content_of(CHROMATIN_SOURCE_DIR "/apps/examples/rpc_client.cpp");
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 30);
}

}  // namespace
}  // namespace chromatin::test

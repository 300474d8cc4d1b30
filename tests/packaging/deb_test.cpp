// The Debian packages.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/packaging/install.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/system/server_process.hpp"

namespace chromatin::test {
namespace {

using testing::HasSubstr;

TEST(Deb, PackagesAreMadeHoldWhatTheyShouldAndLintianFindsNoErrors) {
  if (!there_is("dh")) GTEST_SKIP() << "debhelper is missing (packaging/packages.txt)";
  temporary_folder folder;
  auto out = folder / "out";
  auto made = outcome_of(
      "DEB_COMPRESSION='-Zgzip -z1' " CHROMATIN_SOURCE_DIR "/packaging/deb.sh " CHROMATIN_BUILD_DIR " " + out.string());
  ASSERT_EQ(made.status, 0) << made.text;
  auto deb = out.string() + "/chromatin_*.deb", dev = out.string() + "/libchromatin-dev_*.deb";

  auto fields = outcome_of("dpkg-deb --field " + deb).text;
  EXPECT_THAT(fields, HasSubstr("\nVersion: " CHROMATIN_VERSION "\n"));
  EXPECT_THAT(fields, testing::AllOf(HasSubstr("libcapnp-"), HasSubstr("libcaf-core"), HasSubstr("libdnnl")));
  auto files = outcome_of("dpkg-deb --contents " + deb).text;
  for (auto file :
       {"./usr/bin/chromatin\n", "./usr/share/chromatin/concierge/model.safetensors\n",
        "./etc/chromatin/chromatin.toml\n", "./lib/systemd/system/chromatin.service\n",
        "./usr/lib/sysusers.d/chromatin.conf\n", "./usr/share/man/man1/chromatin-serve.1.gz\n",
        "./usr/share/bash-completion/completions/chromatin\n", "./usr/share/zsh/vendor-completions/_chromatin\n",
        "./usr/share/fish/vendor_completions.d/chromatin.fish\n"})
    EXPECT_THAT(files, HasSubstr(file));
  auto for_programs = outcome_of("dpkg-deb --contents " + dev).text;
  for (auto file : {"./usr/include/chromatin/rpc/client.hpp\n", "./usr/include/chromatin/schema/chromatin.capnp\n",
                    "./usr/lib/cmake/chromatin/chromatin-config.cmake\n", "./usr/lib/libchromatin_rpc_client.a\n"})
    EXPECT_THAT(for_programs, HasSubstr(file));

  // The user is made before the service is started.
  outcome_of("dpkg-deb --control " + deb + " " + (folder / "control").string());
  auto script = content_of(folder / "control/postinst");
  ASSERT_THAT(script, HasSubstr("systemd-sysusers"));
  EXPECT_LT(script.find("systemd-sysusers"), script.find("deb-systemd-invoke"));
  EXPECT_THAT(content_of(folder / "control/conffiles"), HasSubstr("/etc/chromatin/chromatin.toml"));

  // The config that a new service begins with: nothing that others reach, and conversations in its own folder.
  outcome_of("dpkg-deb --extract " + deb + " " + (folder / "root").string());
  server_process server{folder.path(),
                        {"--config", folder / "root/etc/chromatin/chromatin.toml", "--listen", "127.0.0.1:0"},
                        folder / "root/usr/bin/chromatin"};
  EXPECT_THAT(server.said(), HasSubstr("listening on 127.0.0.1:"));
  EXPECT_EQ(server.stop(SIGTERM), 0) << server.said();

  if (!there_is("lintian")) GTEST_SKIP() << "lintian is missing: the packages were not checked by it";
  auto checked = outcome_of("lintian --allow-root --fail-on error --tag-display-limit 0 " + deb + " " + dev);
  EXPECT_EQ(checked.status, 0) << checked.text;
}

}  // namespace
}  // namespace chromatin::test

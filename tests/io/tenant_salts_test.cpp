#include "io/tenant_salts.hpp"

#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/device.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::io {
namespace {

std::string hex(const std::array<std::uint8_t, 32>& digest) {
  std::string text;
  for (auto byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

TEST(TenantSalts, TheHashIsThatOfTheStandards) {
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),  // RFC 4231, cases 2 and 6
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex(hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(TenantSalts, OneSecretGivesOneSaltPerTenant) {
  auto one = secret_salts("sixteen letters."), same = secret_salts("sixteen letters."),
       other = secret_salts("sixteen letters!");
  EXPECT_EQ(one("alice"), same("alice"));
  EXPECT_NE(one("alice"), one("bob"));
  EXPECT_NE(one("alice"), other("alice"));
  EXPECT_NE(random_salts()("alice"), random_salts()("alice"));
}

TEST(TenantSalts, ASecretFileIsTrimmedAndMustBeLongEnough) {
  test::temporary_folder folder;
  std::ofstream{folder / "secret"} << "  sixteen letters.\n";
  EXPECT_EQ(read_secret(folder / "secret"), "sixteen letters.");
  std::ofstream{folder / "short"} << "short\n";
  std::ofstream{folder / "empty"};
  for (auto name : {"short", "empty", "missing"}) EXPECT_THROW(read_secret(folder / name), open_error) << name;
}

}  // namespace
}  // namespace chromatin::io

// The systemd unit, as far as that can be known without systemd as the first process.

#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "rpc/client.hpp"
#include "tests/packaging/install.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/system/server_process.hpp"

namespace chromatin::test {
namespace {

/// What systemd sees of a service that says Type=notify.
class service_manager {
 public:
  explicit service_manager(const std::filesystem::path& path) : socket_{::socket(AF_UNIX, SOCK_DGRAM, 0)} {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    path.string().copy(at.sun_path, sizeof at.sun_path - 1);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0) << path;
  }
  ~service_manager() { ::close(socket_); }
  /// The next thing that it is told.
  std::string told() const {
    pollfd waiting{socket_, POLLIN, 0};
    char text[256] = "";
    if (::poll(&waiting, 1, 60'000) != 1) return "nothing";
    auto size = ::recv(socket_, text, sizeof text, 0);
    return {text, static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  }

 private:
  int socket_;
};

TEST(Unit, TheServerTellsWhenItIsReadyAndWhenItStops) {
  temporary_folder folder;
  service_manager manager{folder / "notify"};
  ::setenv("NOTIFY_SOCKET", (folder / "notify").c_str(), 1);
  server_process server{folder.path()};
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_EQ(manager.told(), "READY=1");
  rpc::client{server.address()}.stat();
  EXPECT_EQ(server.stop(SIGTERM), 0);
  EXPECT_EQ(manager.told(), "STOPPING=1");
}

TEST(Unit, AServiceManagerThatIsGoneIsAWarning) {
  temporary_folder folder;
  ::setenv("NOTIFY_SOCKET", (folder / "nobody").c_str(), 1);
  server_process server{folder.path()};
  ::unsetenv("NOTIFY_SOCKET");
  rpc::client{server.address()}.stat();
  EXPECT_EQ(server.stop(SIGTERM), 0);
  EXPECT_THAT(server.said(), testing::HasSubstr("READY=1 was not sent"));
}

TEST(Unit, IsHardenedAndSystemdHasNothingToSayAboutIt) {
  if (!there_is("systemd-analyze")) GTEST_SKIP() << "systemd-analyze is missing";
  temporary_folder folder;
  ASSERT_EQ(install_into("", folder / "it").status, 0);
  auto unit = (folder / "it/lib/systemd/system/chromatin.service").string();
  // The threshold is in tenths: at most 2.0.
  auto security = outcome_of("systemd-analyze security --offline=yes --threshold=20 --no-pager " + unit);
  EXPECT_EQ(security.status, 0) << security.text;
  EXPECT_THAT(content_of(unit), testing::Not(testing::HasSubstr("\nMemoryDenyWriteExecute=")));
  auto verified = outcome_of("systemd-analyze verify --man=no " + unit);
  EXPECT_EQ(verified.status, 0) << verified.text;
}

using name_set = std::set<std::string>;

/// Of `systemd-analyze syscall-filter`: a name in the first column is a group, and what follows is in it.
std::map<std::string, name_set> syscall_groups() {
  std::map<std::string, name_set> groups;
  std::istringstream text{outcome_of("systemd-analyze syscall-filter --no-pager 2> /dev/null").text};
  std::string group;
  for (std::string line; std::getline(text, line);) {
    auto name = line.substr(std::min(line.find_first_not_of(' '), line.size()));
    if (name.empty() || name.front() == '#') continue;
    if (line.front() == '@')
      group = name;
    else
      groups[group].insert(name);
  }
  return groups;
}

name_set all_in(const std::string& name, const std::map<std::string, name_set>& groups) {
  if (name.front() != '@') return {name};
  name_set all;
  for (const auto& part : groups.at(name)) all.merge(all_in(part, groups));
  return all;
}

/// What the unit's lines of SystemCallFilter= leave.
name_set allowed_syscalls() {
  auto groups = syscall_groups();
  name_set allowed;
  std::istringstream unit{content_of(CHROMATIN_SOURCE_DIR "/packaging/chromatin.service.in")};
  constexpr std::string_view key = "SystemCallFilter=";
  for (std::string line; std::getline(unit, line);) {
    if (!line.starts_with(key)) continue;
    bool removes = line[key.size()] == '~';
    std::istringstream names{line.substr(key.size() + removes)};
    for (std::string name; names >> name;)
      for (const auto& call : all_in(name, groups)) removes ? void(allowed.erase(call)) : void(allowed.insert(call));
  }
  return allowed;
}

TEST(Unit, AllowsEverySystemCallOfAServerThatAnswers) {
  if (!there_is("systemd-analyze")) GTEST_SKIP() << "systemd-analyze is missing";
  if (*CHROMATIN_SANITIZE) GTEST_SKIP() << "sanitizers have system calls of their own";
  temporary_folder folder;
  auto trace = folder / "trace", traced = folder / "traced";
  // -D: the server, not strace, is the process that is signalled.
  std::ofstream{traced} << "#!/bin/sh\nexec strace -D -f -qq -o " << trace.string() << " " CHROMATIN_BINARY " \"$@\"\n";
  std::filesystem::permissions(traced, std::filesystem::perms::owner_all);
  if (outcome_of("strace -qq -o /dev/null true").status != 0) GTEST_SKIP() << "strace is missing, or may not trace";
  server_process server{folder.path(), {"--http", "127.0.0.1:0"}, traced};
  rpc::client{server.address()}.open().say({.text = "I need a taxi."});
  ASSERT_EQ(server.stop(SIGTERM), 0) << server.said();

  auto allowed = allowed_syscalls();
  if (::geteuid() == 0) allowed.insert("fchown");  // SQLite's, for root only
  name_set used;
  std::istringstream lines{content_of(trace)};
  for (std::string line; std::getline(lines, line);) {
    auto name = line.substr(std::min(line.find_first_not_of("0123456789 "), line.size()));
    auto end = name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_");
    if (end != name.npos && name[end] == '(') used.insert(name.substr(0, end));
  }
  EXPECT_THAT(used, testing::IsSupersetOf({"io_uring_enter", "fdatasync", "listen"}));
  for (const auto& call : used) EXPECT_TRUE(allowed.contains(call)) << call << " is not allowed by SystemCallFilter=";
}

}  // namespace
}  // namespace chromatin::test

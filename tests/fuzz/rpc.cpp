// Bytes that a client sends after its login, to a real server on a real socket.

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <thread>

#include <capnp/serialize.h>

#include <spdlog/spdlog.h>

#include "rpc/tokens.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/rpc/fixture.hpp"

using namespace chromatin;

namespace {

/// How long to wait for more answers, and for the end of the connection.
constexpr int more_within_ms = 3, end_within_ms = 2'000;
constexpr int check_every = 64;

int connect_to(const std::filesystem::path& socket) {
  sockaddr_un to{.sun_family = AF_UNIX, .sun_path = {}};
  auto path = socket.string();
  std::copy(path.begin(), path.end(), to.sun_path);
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  fuzz::must(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
  return fd;
}

void send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // the server has had enough
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

/// Reads until nothing comes any more.
void drain(int fd, int within_ms) {
  char buffer[65536];
  pollfd waits{fd, POLLIN, 0};
  while (::poll(&waits, 1, within_ms) > 0 && ::recv(fd, buffer, sizeof buffer, 0) > 0) {
  }
}

/// The first message of a stream, or all of it where it does not begin with one.
std::string_view first_message(std::string_view stream) {
  std::vector<capnp::word> words(stream.size() / sizeof(capnp::word));
  if (words.empty()) return stream;
  std::memcpy(words.data(), stream.data(), words.size() * sizeof(capnp::word));
  auto size = capnp::expectedSizeInWordsFromPrefix(kj::arrayPtr(words.data(), words.size()));
  return stream.substr(0, size <= words.size() ? size * sizeof(capnp::word) : stream.size());
}

/// Passes the bytes of one connection on and keeps what the client sent.
class recorder {
 public:
  recorder(std::filesystem::path listen, std::filesystem::path to) : to_{std::move(to)} {
    sockaddr_un at{.sun_family = AF_UNIX, .sun_path = {}};
    auto path = listen.string();
    std::copy(path.begin(), path.end(), at.sun_path);
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    fuzz::must(::bind(listener_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0 && ::listen(listener_, 1) == 0);
    thread_ = std::thread{[this] { pass_on(); }};
  }
  ~recorder() {
    thread_.join();
    ::close(listener_);
  }
  std::string sent() const {
    std::lock_guard lock{mutex_};
    return sent_;
  }
  std::size_t answered_bytes() const {
    std::lock_guard lock{mutex_};
    return answered_bytes_;
  }

 private:
  void pass_on() {
    int client = ::accept(listener_, nullptr, nullptr), server = connect_to(to_);
    pollfd both[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    char buffer[65536];
    while (::poll(both, 2, -1) > 0)
      for (int i = 0; i < 2; ++i) {
        if (both[i].revents == 0) continue;
        auto got = ::recv(both[i].fd, buffer, sizeof buffer, 0);
        if (got <= 0) {
          ::close(client);
          ::close(server);
          return;
        }
        std::string_view bytes{buffer, static_cast<std::size_t>(got)};
        {
          std::lock_guard lock{mutex_};
          i == 0 ? sent_ += bytes, void() : void(answered_bytes_ += bytes.size());
        }
        send_all(both[1 - i].fd, bytes);
      }
  }

  std::filesystem::path to_;
  int listener_ = -1;
  std::thread thread_;
  mutable std::mutex mutex_;
  std::string sent_;
  std::size_t answered_bytes_ = 0;
};

/// A server, and what a client says to log in. Lives as long as the program.
struct live_server {
  test::temporary_folder folder;
  rpc::config config;
  caf::actor_system system{config};
  std::shared_ptr<rpc::seen> seen = std::make_shared<rpc::seen>();
  gateway_actor gateway = system.spawn(rpc::fake_gateway, seen);
  telemetry_actor telemetry = system.spawn(rpc::fake_telemetry);
  supervisor_actor supervisor = system.spawn(chromatin::supervisor, std::map<std::string, part_care>{}, nullptr);
  std::unique_ptr<rpc::server> server;
  std::string login;
  std::size_t login_answer_bytes = 0;

  live_server() {
    spdlog::set_level(spdlog::level::off);
    rpc::server_options options{.listen = {"unix:" + socket().string()}};
    server = std::make_unique<rpc::server>(system, gateway, telemetry, supervisor, options);
    login = record("login", [](rpc::client&) {});
    check_that_the_login_works();
    // `KEEP=FOLDER fuzz_rpc …` makes the kept corpus anew.
    if (const char* keep = std::getenv("KEEP")) keep_corpus(keep);
  }
  std::filesystem::path socket() const { return folder / "socket"; }

  std::string record(const std::string& name, const std::function<void(rpc::client&)>& calls) {
    recorder between{folder / name, socket()};
    std::string sent;
    {
      rpc::client c{"unix:" + (folder / name).string()};
      calls(c);
      sent = between.sent();
      if (login_answer_bytes == 0) login_answer_bytes = between.answered_bytes();
    }
    return sent;
  }
  /// Bytes that were recorded on one connection are understood on another.
  void check_that_the_login_works() {
    auto said = [this] {
      std::lock_guard lock{seen->mutex};
      return seen->said.size();
    };
    auto bytes = record("first", [](rpc::client& c) { c.open("talk").say({.text = "hi"}); });
    fuzz::must(bytes.starts_with(login) && said() == 1);
    for (int tries = 0; said() == 1 && tries < 20; ++tries) play(bytes.substr(login.size()));  // others compute, too
    fuzz::must(said() >= 2);
  }
  void play(std::string_view calls) const {
    int fd = connect_to(socket());
    send_all(fd, login);
    std::string answers(login_answer_bytes, 0);
    fuzz::must(::recv(fd, answers.data(), answers.size(), MSG_WAITALL) == static_cast<ssize_t>(answers.size()));
    // What comes later names what the answers before it gave.
    while (!calls.empty()) {
      auto next = first_message(calls);
      send_all(fd, next);
      drain(fd, more_within_ms);
      calls.remove_prefix(next.size());
    }
    ::shutdown(fd, SHUT_WR);
    drain(fd, end_within_ms);
    ::close(fd);
  }
  void keep_corpus(const std::filesystem::path& to) {
    auto keep = [&](const std::string& name, const std::function<void(rpc::client&)>& calls) {
      fuzz::write_file(to / name, record(name, calls).substr(login.size()));
    };
    keep("say", [](rpc::client& c) { c.open("talk").say({.text = "hi", .sampling = {.stop = {"a"}}}); });
    keep("talk", [](rpc::client& c) {
      auto talk = c.open("talk", "Be brief.");
      talk.truncate(17, 0.5);
      talk.read(0, 3);
      talk.refresh();
      talk.fork("copy", 2);
      talk.forget();
    });
    keep("look", [](rpc::client& c) {
      c.stat();
      c.find("talk");
      c.list();
    });
  }
  /// Others are served.
  void check() {
    rpc::client c{"unix:" + socket().string()};
    fuzz::must(c.open("talk").info().id == "default/talk");
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto* live = new live_server;
  static int runs = 0;
  live->play(fuzz::text_of(data, size));
  if (++runs % check_every == 0) live->check();
  return 0;
}

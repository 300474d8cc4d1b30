// Clients that wait for their answers, each a tenant of its own, beside one that floods the server. Here they are few
// for some seconds; `CLIENTS=256 SECONDS=600 test_system --gtest_filter='*Floods*'` gives the figures of
// docs/faults.md, and holds them against what is promised.

#include <fstream>
#include <numeric>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpc/client.hpp"
#include "tests/support/environment.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/system/flooder.hpp"
#include "tests/system/server_process.hpp"

namespace chromatin::test {
namespace {

using std::chrono::duration;
using clock = std::chrono::steady_clock;

/// What clients that wait for each answer got in a stretch of time.
struct served {
  std::size_t turns = 0;
  double seconds = 0;
  double worst = 0;  ///< of all clients, the longest wait for a first text as a multiple of the client's mean wait
  double mean_wait_s = 0, longest_wait_s = 0;
  std::vector<std::string> errors;

  double turns_per_s() const { return static_cast<double>(turns) / seconds; }
  /// Goes on with another stretch.
  void add(const served& more) {
    auto all = std::max<std::size_t>(turns + more.turns, 1);
    mean_wait_s = (mean_wait_s * static_cast<double>(turns) + more.mean_wait_s * static_cast<double>(more.turns)) /
                  static_cast<double>(all);
    turns += more.turns;
    seconds += more.seconds;
    worst = std::max(worst, more.worst);
    longest_wait_s = std::max(longest_wait_s, more.longest_wait_s);
    errors.insert(errors.end(), more.errors.begin(), more.errors.end());
  }
};

class Floods : public testing::TestWithParam<const char*> {
 protected:
  static constexpr int turns_a_conversation = 8;

  Floods() {
    std::ofstream tokens{folder_.path() / "tokens"};
    for (int i = 0; i <= clients_; ++i) tokens << token(i) << " tenant-" << i << "\n";
  }
  static std::string token(int i) { return "secret-of-tenant-" + std::to_string(1000 + i); }

  /// A client's turns until `end`; its waits go into `waits`.
  void talk(int i, clock::time_point end, std::vector<double>& waits, std::vector<std::string>& errors) {
    while (clock::now() < end) try {
        rpc::client c{server_->address(), token(i)};
        while (clock::now() < end) {
          auto conversation = c.open();
          for (int turn = 0; turn < turns_a_conversation && clock::now() < end; ++turn) {
            auto said = conversation.say({.text = "I want to book a table.", .sampling = {.tokens_max = 8}});
            waits.push_back(static_cast<double>(said.first_text_us) / 1e6);
            if (std::getenv("TRACE") && waits.back() > 1.5)
              std::printf(
                  "TRACE t=%.2f client=%d turn=%d wait=%.2f queued=%.2f first=%.2f total=%.2f prompt=%u computed=%u\n",
                  duration<double>(clock::now().time_since_epoch()).count(), i, turn, waits.back(),
                  said.server.queued_us / 1e6, said.server.first_token_us / 1e6, said.server.total_us / 1e6,
                  said.server.prompt_tokens, said.server.computed_tokens);
          }
          conversation.forget();
        }
      } catch (const rpc::call_error& e) {
        if (!e.retry_after()) errors.push_back(e.what());
        std::this_thread::sleep_for(e.retry_after().value_or(std::chrono::milliseconds{100}));
      }
  }

  served serve_clients(double seconds) {
    std::vector<std::vector<double>> waits(static_cast<std::size_t>(clients_));
    std::vector<std::vector<std::string>> errors(waits.size());
    auto begin = clock::now();
    auto end = begin + std::chrono::duration_cast<clock::duration>(duration<double>{seconds});
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0; i < waits.size(); ++i)
        threads.emplace_back([&, i] { talk(static_cast<int>(i), end, waits[i], errors[i]); });
    }
    served s{.seconds = duration<double>(clock::now() - begin).count()};
    double sum = 0;
    for (std::size_t i = 0; i < waits.size(); ++i) {
      s.errors.insert(s.errors.end(), errors[i].begin(), errors[i].end());
      if (waits[i].empty()) continue;
      auto all = std::accumulate(waits[i].begin(), waits[i].end(), 0.0);
      auto longest = *std::ranges::max_element(waits[i]);
      s.worst = std::max(s.worst, longest / (all / static_cast<double>(waits[i].size())));
      s.longest_wait_s = std::max(s.longest_wait_s, longest);
      s.turns += waits[i].size();
      sum += all;
    }
    s.mean_wait_s = sum / static_cast<double>(std::max<std::size_t>(s.turns, 1));
    return s;
  }

  double resident_mib() { return static_cast<double>(server_->resident_bytes()) / (1 << 20); }

  std::unique_ptr<flooder> flood(std::uint32_t under_way, flooder::call what) {
    return std::make_unique<flooder>(server_->address(), token(clients_), under_way, std::move(what));
  }
  std::vector<std::unique_ptr<flooder>> start_flood(const std::string& kind);

  /// Connections that say `bytes` and then nothing; the ones that were closed are opened again.
  void idle(const std::stop_token& stop, std::size_t count, std::string_view bytes) {
    std::vector<int> open;
    for (std::size_t next = 0; !stop.stop_requested(); ++next) {
      if (open.size() == count) {
        ::close(open[next % count]);
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
      }
      auto fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
      sockaddr_un name{};
      name.sun_family = AF_UNIX;
      (folder_.path() / "socket").string().copy(name.sun_path, sizeof name.sun_path - 1);
      if (::connect(fd, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0) [[maybe_unused]]
        auto n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      open.size() < count ? open.push_back(fd) : void(open[next % count] = fd);
    }
    for (int fd : open) ::close(fd);
    timespec computed{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &computed);
    idle_cpu_s_ += static_cast<double>(computed.tv_sec) + static_cast<double>(computed.tv_nsec) / 1e9;
  }

  const int clients_ = static_cast<int>(number_from("CLIENTS", 4.0));
  const double seconds_ = number_from("SECONDS", 3.0);
  const bool measures_ = seconds_ >= 60;
  temporary_folder folder_;
  std::unique_ptr<server_process> server_;
  double idle_cpu_s_ = 0;  ///< of idle(), when its thread has ended
  std::vector<std::jthread> threads_;
};

std::vector<std::unique_ptr<flooder>> Floods::start_flood(const std::string& kind) {
  std::vector<std::unique_ptr<flooder>> all;
  auto turn = [](std::uint8_t priority, std::uint32_t tokens) {
    return [=](schema::Session::Client& session, std::uint64_t number) {
      auto open = session.openRequest();
      open.setId("flood-" + std::to_string(number % 1000));
      auto say = open.send().getConversation().sayRequest();
      auto request = say.initRequest();
      request.setText("Tell me everything about it.");
      request.setPriority(priority);
      request.initSampling().setTokensMax(tokens);
      say.setSink(kj::heap<deaf_sink>());
      return say.send().ignoreResult();
    };
  };
  if (kind == "Opens")
    all.push_back(flood(200, [prompt = std::string(250'000, 'a')](auto& session, std::uint64_t) {
      auto open = session.openRequest();
      open.setSystem(prompt);
      return open.send().ignoreResult();
    }));
  if (kind == "Stats")
    all.push_back(
        flood(5'000, [](auto& session, std::uint64_t) { return session.statRequest().send().ignoreResult(); }));
  if (kind == "Priority") all.push_back(flood(64, turn(100, 64)));
  if (kind == "Turns") all.push_back(flood(500, turn(50, 64)));
  if (kind == "Connections")
    for (int i = 0; i < 20; ++i) all.push_back(flood(16, turn(50, 64)));
  if (kind == "Dropped")
    all.push_back(flood(64, [turn](auto& session, std::uint64_t number) {
      // As soon as the server has answered what came behind it.
      return turn(50, 60'000)(session, number).exclusiveJoin(session.statRequest().send().ignoreResult());
    }));
  if (kind == "Idle") threads_.emplace_back([this](auto stop) { idle(stop, 1500, ""); });
  if (kind == "HalfSent")
    threads_.emplace_back([this](auto stop) { idle(stop, 1500, std::string_view{"\0\0\0\0\x10\0\0\0half", 12}); });
  return all;
}

TEST_P(Floods, OthersAreServedAndMemoryIsBounded) {
  server_ = std::make_unique<server_process>(
      folder_.path(), std::vector<std::string>{"--tokens", (folder_.path() / "tokens").string(), "--device-mem", "64M",
                                               "--host-mem", "64M", "--disk-size", "1G"});
  // In turns: the server's files grow meanwhile, and the machine may be another.
  const auto alone_s = seconds_ / (measures_ ? 30 : 6);
  const int rounds = measures_ ? 5 : 1;
  auto alone = serve_clients(alone_s);
  auto before_mib = resident_mib();
  served beside;
  double half_mib = 0;
  std::uint64_t calls = 0;
  for (int round = 0; round < rounds; ++round) {
    auto floods = start_flood(GetParam());
    beside.add(serve_clients(seconds_ / rounds));
    for (const auto& f : floods) calls += f->calls();
    floods.clear();
    threads_.clear();
    if (round <= rounds / 2) half_mib = resident_mib();
    alone.add(serve_clients(alone_s));
  }
  auto after_mib = resident_mib();
  auto share = beside.turns_per_s() / alone.turns_per_s();
  // What those who only connect compute themselves, on the server's cores, is not the server's doing.
  auto left = 1 - idle_cpu_s_ / (beside.seconds * std::thread::hardware_concurrency());
  std::printf(
      "%s: %d clients, %.0f s: %.1f turns/s alone, %.1f beside %llu calls of the flood (%.1f %%; it leaves %.1f %% of "
      "the "
      "cores); waits: mean %.2f s, "
      "longest %.2f s, at most %.1f times the client's mean (alone %.1f); memory %.0f MiB before, %.0f, %.0f after\n",
      GetParam(), clients_, seconds_, alone.turns_per_s(), beside.turns_per_s(), static_cast<unsigned long long>(calls),
      100 * share, 100 * left, beside.mean_wait_s, beside.longest_wait_s, beside.worst, alone.worst, before_mib,
      half_mib, after_mib);
  EXPECT_TRUE(beside.errors.empty()) << beside.errors.front();
  EXPECT_GE(beside.turns, static_cast<std::size_t>(clients_)) << "each is served";
#ifndef __SANITIZE_ADDRESS__  // which keeps what was freed
  EXPECT_LT(after_mib, before_mib + 128);
#endif
  if (measures_) {
    EXPECT_LT(after_mib, half_mib * 1.05);
    EXPECT_GT(share, 0.95 * left * clients_ / (clients_ + 1));
    EXPECT_LT(beside.worst, 3);
  }
  EXPECT_EQ(server_->stop(SIGTERM), 0) << server_->said();
}

INSTANTIATE_TEST_SUITE_P(Of, Floods,
                         testing::Values("Idle", "HalfSent", "Opens", "Stats", "Dropped", "Priority", "Turns",
                                         "Connections"),
                         [](const auto& kind) { return std::string{kind.param}; });

}  // namespace
}  // namespace chromatin::test

#include "bench/in_process.hpp"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <thread>

#include <caf/scoped_actor.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/measure.hpp"

namespace chromatin::bench {
namespace {

struct silent_sink final : token_sink {
  void text(std::string_view) override {}
};

[[noreturn]] void raise(const caf::error& e) { throw std::runtime_error(explain(e)); }

/// Of all parts whose name begins with `part`.
std::int64_t counter(caf::scoped_actor& self, running_system& system, std::string_view part, std::string_view name) {
  std::int64_t result = 0;
  self->request(system.telemetry(), caf::infinite, atom::stats_v)
      .receive(
          [&](const std::vector<counters>& all) {
            for (const auto& one : all)
              for (const auto& [key, value] : one.values)
                if (one.part.starts_with(part) && key == name) result += value;
          },
          raise);
  return result;
}

std::int64_t executor_compute_us(caf::scoped_actor& self, running_system& system) {
  return counter(self, system, "executor", "compute_us");
}

}  // namespace

turn_statistics say(running_system& system, const std::string& conversation, const std::string& text,
                    std::uint32_t answer_tokens, std::shared_ptr<token_sink> sink, bool reuse) {
  static std::atomic<turn_id> last = 0;
  say_request request{.turn = ++last, .conversation = {"bench", conversation}, .text = text};
  request.reuse = reuse;
  request.sampling.tokens_max = answer_tokens;
  request.sampling.ignore_end_of_answer = true;
  caf::scoped_actor self{system.actors()};
  turn_statistics result;
  self->request(system.gateway(), caf::infinite, atom::say_v, request, std::move(sink))
      .receive([&](const turn_statistics& s) { result = s; }, raise);
  return result;
}

void fork(running_system& system, const std::string& conversation, const std::string& into) {
  caf::scoped_actor self{system.actors()};
  self->request(system.gateway(), caf::infinite, atom::fork_v, conversation_ref{"bench", conversation}, into)
      .receive([](const conversation_info&) {}, raise);
}

void take_out(running_system& system, const std::string& part) {
  caf::scoped_actor self{system.actors()};
  self->request(system.supervisor(), caf::infinite, atom::detach_v, part).receive([] {}, raise);
}

void put_back(running_system& system, const std::string& part) {
  caf::scoped_actor self{system.actors()};
  self->request(system.supervisor(), caf::infinite, atom::attach_v, part).receive([] {}, raise);
}

void settle(running_system& system) {
  caf::scoped_actor self{system.actors()};
  while (counter(self, system, "", "saves_waiting") > 0) std::this_thread::sleep_for(std::chrono::milliseconds{5});
}

served_turn serve_one(running_system& system, const std::string& conversation, std::uint32_t answer_tokens) {
  caf::scoped_actor self{system.actors()};
  auto computed_us = executor_compute_us(self, system);
  auto s = say(system, conversation, "Tell me about the weather.", answer_tokens, std::make_shared<silent_sink>());
  served_turn result;
  result.first_token_s = static_cast<double>(s.first_token_us) * 1e-6;
  result.token_s = static_cast<double>(s.total_us - s.first_token_us) * 1e-6 / (s.answer_tokens - 1);
  result.around_s = static_cast<double>(s.total_us) * 1e-6 -
                    static_cast<double>(executor_compute_us(self, system) - computed_us) * 1e-6;
  return result;
}

double start_s(const std::filesystem::path& model) {
  int out[2];
  if (::pipe(out) != 0) throw std::runtime_error("no pipe");
  auto begin = std::chrono::steady_clock::now();
  auto child = ::fork();
  if (child == 0) {
    ::dup2(out[1], STDERR_FILENO);
    ::execl("/proc/self/exe", "chromatin", "serve", "--model", model.c_str(), "--listen", "127.0.0.1:0", "--http",
            "off", nullptr);
    ::_exit(127);
  }
  ::close(out[1]);
  std::string said;
  char buffer[512];
  for (ssize_t n = 0;
       said.find("listening on") == std::string::npos && (n = ::read(out[0], buffer, sizeof buffer)) > 0;)
    said.append(buffer, static_cast<std::size_t>(n));
  auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  ::kill(child, SIGTERM);
  ::waitpid(child, nullptr, 0);
  ::close(out[0]);
  if (said.find("listening on") == std::string::npos) throw std::runtime_error("the server did not start: " + said);
  return seconds;
}

}  // namespace chromatin::bench

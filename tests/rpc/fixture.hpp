#pragma once

/// A real server on real sockets before a gateway that is a second behaviour of the same interface.

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "actors/supervisor.hpp"
#include "rpc/client.hpp"
#include "rpc/server.hpp"
#include "tests/support/reason.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::rpc {

using test::reason;

/// What the fake gateway saw.
struct seen {
  std::atomic<int> cancelled{0};
  std::atomic<int> streaming{0};
  std::atomic<int> parts_started{0}, parts_left{0};
  std::atomic<int> conversations{5};  ///< that a list names, by numbers
  std::mutex mutex;
  std::vector<say_request> said;
  std::string system_prompt;  ///< of the last conversation that was opened
  std::shared_ptr<token_sink> flood;
};

inline constexpr int pieces = 200;
/// Streams numbers; "slow" and "flood", which says what its test says, go on until they are cancelled, "fail" answers
/// with an error, a tenant "other" knows nothing.
inline gateway_actor::behavior_type fake_gateway(gateway_actor::pointer self, std::shared_ptr<seen> log) {
  auto running = std::make_shared<std::map<turn_id, caf::typed_response_promise<turn_statistics>>>();
  return {
      [=](atom::open, const conversation_ref& which,
          const std::string& system_prompt) -> caf::result<conversation_info> {
        log->system_prompt = system_prompt;
        if (which.id == "missing") return caf::make_error(ec::no_conversation, "there is no conversation missing");
        return conversation_info{which.tenant + "/" + which.id, 1, 10, 1024, 2};
      },
      [=](atom::list, const std::string& tenant, const std::string& after, std::uint32_t count) {
        conversation_list all;
        for (int i = after.empty() ? 0 : std::stoi(after) + 1; i < log->conversations && all.size() < count; ++i)
          all.push_back({.id = std::to_string(i),
                         .messages = 2,
                         .last_role = tenant,
                         .damaged = i == 1,
                         .created_s = 1000 + i,
                         .metadata = "{}"});
        return all;
      },
      [=](atom::read, const conversation_ref& which, std::uint32_t first,
          std::uint32_t count) -> caf::result<transcript> {
        if (which.id == "missing") return caf::make_error(ec::no_conversation, "there is no conversation missing");
        transcript said{.first = first, .total = 5};
        for (auto i = first; i < 5 && said.messages.size() < count; ++i)
          said.messages.push_back({i % 2 ? "assistant" : "user", "message " + std::to_string(i)});
        return said;
      },
      [](atom::list, const std::string&, std::uint32_t) { return conversation_list{}; },
      [](atom::list) { return turn_views{}; },
      [](atom::archive, const conversation_ref& which, bool kv) {
        return archive_ticket{.number = 7, .id = which.id, .state = "planned", .left_s = 60, .kv = kv};
      },
      [](atom::recall, const conversation_ref& which, bool kv) -> caf::result<archive_ticket> {
        if (which.id == "missing") return caf::make_error(ec::no_conversation, "there is no conversation missing");
        return archive_ticket{.number = 8, .id = which.id, .state = "asked", .simulated = true, .kv = kv};
      },
      [](atom::archive, atom::list, const std::string& tenant) {
        return archive_tickets{{.number = 7, .id = tenant, .state = "stored", .reads = 600, .failure = "none"}};
      },
      [](atom::attach, const archivist_actor&) {},
      [](atom::lookup, const conversation_ref&) { return key_list{}; },
      [](atom::match, const std::string&, const std::string&, const message_list&) { return matched_conversation{}; },
      [](atom::point, const std::string&, const std::string&, const conversation_point&) {},
      [](atom::point, const std::string&, const std::string&) { return conversation_point{}; },
      [](atom::point, atom::forget, const std::string&, const std::string&) {},
      [](atom::label, const conversation_ref&) { return conversation_label{}; },
      [](atom::label, const conversation_ref&, const std::string&) { return conversation_label{}; },
      [=](atom::stop, caf::timespan) -> caf::result<std::uint32_t> {
        auto ended = static_cast<std::uint32_t>(running->size());
        for (auto& [id, promise] : *running) promise.deliver(turn_statistics{.stopped = stop_reason::cancelled});
        running->clear();
        return ended;
      },
      [=](atom::say, const say_request& request, std::shared_ptr<token_sink> sink) -> caf::result<turn_statistics> {
        {
          std::lock_guard lock{log->mutex};
          log->said.push_back(request);
        }
        if (request.text == "fail") return caf::make_error(ec::context_full, "no room for this");
        if (request.text.starts_with("slow")) {
          ++log->streaming;
          sink->text("first ");
          return running->emplace(request.turn, self->make_response_promise<turn_statistics>()).first->second;
        }
        if (request.text == "flood") {
          std::lock_guard lock{log->mutex};
          log->flood = sink;
          return running->emplace(request.turn, self->make_response_promise<turn_statistics>()).first->second;
        }
        for (int i = 0; i < pieces; ++i) {
          if (request.sampling.likelihoods) sink->likelihood({static_cast<kv::token_id>(i), -0.5f, {{7, -0.25f}}});
          sink->text(std::to_string(i) + " ");
        }
        return turn_statistics{.prompt_tokens = 30,
                               .computed_tokens = 6,
                               .hits = {{"device", 8}, {"host", 9}, {"disk", 7}, {"shared", 3}},
                               .answer_tokens = pieces,
                               .dropped_tokens = 64};
      },
      [=](atom::cancel, turn_id id) {
        if (auto node = running->extract(id); !node.empty()) {
          ++log->cancelled;
          node.mapped().deliver(caf::make_error(ec::cancelled, "the client went away"));
        }
      },
      [](atom::truncate, const conversation_ref& which, std::uint32_t protect, double) {
        return conversation_info{which.id, 2, protect, 1024, 2};
      },
      [](atom::fork, const conversation_ref&, const std::string& id, std::uint32_t messages) {
        return conversation_info{id, 1, 10, 1024, messages};
      },
      [](atom::fork, const conversation_ref&, const std::string& id) {
        return conversation_info{id, 1, 10, 1024, 2};
      },
      [](atom::forget, const conversation_ref&) {},
      [](atom::internal, atom::stop) {},
      [](atom::stats) {
        return counters{"gateway", {{"turns", 5}}};
      },
      [](atom::stats, const std::string& tenant) {
        return counters{"tenant", {{"turns_of_" + tenant, 2}}};
      },
  };
}

inline telemetry_actor::behavior_type fake_telemetry() {
  return {
      [](atom::stats) {
        return std::vector<counters>{{"a", {{"x", 1}, {"y", -2}}}, {"b", {}, {"b is out"}}};
      },
      [](atom::lookup, const key_list&) { return chunk_places{}; },
      [](atom::attach, const std::string&, const chunk_holder_actor&) {},
      [](atom::attach, const std::string&, const caf::strong_actor_ptr&) {},
  };
}

struct config : caf::actor_system_config {
  config() { set("scheduler.policy", caf::atom("sharing")); }
};

class rpc_fixture : public testing::Test {
 protected:
  rpc_fixture() {
    gateway = system.spawn(fake_gateway, log);
    telemetry = system.spawn(fake_telemetry);
    auto part = [&of = system] { return caf::actor_cast<caf::strong_actor_ptr>(of.spawn(fake_telemetry)); };
    std::map<std::string, part_care> cares;
    cares["disk-tier"] = {.start = [part, log = log] { return ++log->parts_started, part(); },
                          .leave = [log = log] { ++log->parts_left; }};
    supervisor = system.spawn(chromatin::supervisor, cares, nullptr);
    caf::anon_send(supervisor, atom::attach_v, std::string{"disk-tier"}, part());
  }
  ~rpc_fixture() override {
    server_.reset();
    caf::anon_send_exit(gateway, caf::exit_reason::user_shutdown);
    for (auto actor :
         {caf::actor_cast<caf::strong_actor_ptr>(telemetry), caf::actor_cast<caf::strong_actor_ptr>(supervisor)})
      caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  }

  std::string socket_address(const char* name = "socket") { return "unix:" + (folder / name).string(); }
  server& start(server_options options = {}) {
    if (options.listen.empty()) options.listen = {socket_address(), "127.0.0.1:0"};
    server_ = std::make_unique<server>(system, gateway, telemetry, supervisor, options);
    return *server_;
  }
  /// A turn that streams until it is ended; what its client was told then.
  std::future<std::string> turn_under_way(const std::string& address) {
    auto call = std::async(std::launch::async, [address] {
      client c{address};
      auto conversation = c.open("talk");
      return reason([&] { conversation.say({.text = "slow"}); });
    });
    wait_for([&] { return log->streaming == 1; });
    return call;
  }
  void wait_for(const std::function<bool()>& what) {
    for (int i = 0; i < 2000 && !what(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds{5});
    EXPECT_TRUE(what());
  }

  test::temporary_folder folder;
  std::shared_ptr<seen> log = std::make_shared<seen>();
  config config_;
  caf::actor_system system{config_};
  gateway_actor gateway;
  telemetry_actor telemetry;
  supervisor_actor supervisor;
  std::unique_ptr<server> server_;
};

}  // namespace chromatin::rpc

#pragma once

/// A registry alone, on one thread under a virtual clock: what it answers is known after each request.

#include <variant>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <gtest/gtest.h>

#include "actors/registry.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::test {

struct desk_config : caf::actor_system_config {
  desk_config() {
    set("scheduler.policy", caf::atom("testing"));
    set("logger.inline-output", true);
  }
};

inline const conversation_ref talk_ref{"tenant", "talk"};
inline message_list user(const std::string& said) { return {{"user", said}}; }

/// What an actor answered: a value, or an error's text.
template <class T>
struct reply {
  std::optional<T> value;
  std::string error = "no answer";

  const T& operator*() const {
    EXPECT_TRUE(value) << error;
    static const T nothing{};
    return value ? *value : nothing;
  }
  const T* operator->() const { return &**this; }
};

class desk {
 public:
  explicit desk(std::uint32_t context = 0, registry_limits limits = {})
      : checkpoint{model::checkpoint::open(std::string{CHROMATIN_SOURCE_DIR} + "/assets/concierge", context)},
        limits_{limits} {
    restart();
  }
  ~desk() { stop(); }

  /// The process is killed and started again: only what is stored is left.
  void restart() {
    stop();
    store = io::open_registry(folder.path());
    registry = system.spawn(chromatin::registry, checkpoint, cache_, store, limits_);
    run();
  }

  /// The process is started again with this model, whose cache has this fingerprint, as a server does it.
  void serve(std::shared_ptr<const model::checkpoint> model, kv::fingerprint cache) {
    checkpoint = std::move(model);
    cache_ = cache;
    restart();
    store->note_model({cache, checkpoint->fingerprint, checkpoint->name, checkpoint->config.vocabulary});
  }

  void run() {
    while (coordinator.try_run_once()) {
    }
  }

  /// Runs `work` in an actor of its own, one kind for all of them, and everything that follows.
  void run_in_actor(const std::function<void(caf::event_based_actor*)>& work) {
    system.spawn([work](caf::event_based_actor* self) { work(self); });
    run();
  }
  /// Asks any actor and runs until nothing is left to do.
  template <class T, class Handle, class... Message>
  reply<T> ask_of(const Handle& whom, Message... message) {
    auto result = std::make_shared<reply<T>>();
    run_in_actor([=](caf::event_based_actor* self) {
      self->request(whom, caf::infinite, message...)
          .then([result](T& value) { result->value = std::move(value); },
                [result](const caf::error& error) { result->error = explain(error); });
    });
    return *result;
  }
  template <class T, class... Message>
  reply<T> ask(Message... message) {
    return ask_of<T>(registry, std::move(message)...);
  }

  reply<prepared_turn> append(const std::string& id, turn_id turn, const message_list& messages) {
    return ask<prepared_turn>(atom::append_v, conversation_ref{"tenant", id}, turn, messages);
  }
  reply<conversation_info> settle(const std::string& id, turn_id turn, turn_outcome outcome) {
    return ask<conversation_info>(atom::settle_v, settlement{{"tenant", id}, turn, std::move(outcome)});
  }
  /// A whole turn; `answer` is what the model says, ended by the template's own end. Everything but the end is settled.
  prepared_turn talk(const std::string& id, const std::string& text, const std::string& answer) {
    auto turn = ++last_turn_;
    auto prepared = *append(id, turn, {{"user", text}});
    auto outcome = answered(answer);
    outcome.settled = static_cast<std::uint32_t>(prepared.window.tokens.size() + outcome.answer.size() - 1);
    EXPECT_EQ(settle(id, turn, outcome).error, "no answer");
    return prepared;
  }
  turn_outcome answered(const std::string& text) const {
    turn_outcome outcome{.text = text};
    // Behind a line's end no space is put before a text.
    auto tokens = checkpoint->tokenizer->encode("\n" + text), line_end = checkpoint->tokenizer->encode("\n");
    outcome.answer.assign(tokens.begin() + static_cast<std::ptrdiff_t>(line_end.size()), tokens.end());
    outcome.answer.push_back(checkpoint->chat.answer_end());
    outcome.kept_answer_tokens = static_cast<std::uint32_t>(outcome.answer.size());
    return outcome;
  }
  io::conversation_record stored(const std::string& id) {
    auto record = store->load({"tenant", id});
    EXPECT_TRUE(record);
    return record.value_or(io::conversation_record{});
  }
  std::string text_of(const std::vector<kv::token_id>& tokens) const {
    std::string text;
    for (auto token : tokens) text += checkpoint->tokenizer->bytes(token);
    return text;
  }

  temporary_folder folder;
  desk_config config;
  caf::actor_system system{config};
  caf::scheduler::test_coordinator& coordinator = dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  std::shared_ptr<const model::checkpoint> checkpoint;
  std::shared_ptr<io::registry_store> store;
  registry_actor registry;

 private:
  void stop() {
    if (registry) caf::anon_send_exit(registry, caf::exit_reason::kill);
    registry = nullptr;
    store = nullptr;
    run();
  }

  registry_limits limits_;
  kv::fingerprint cache_{1, 2};
  turn_id last_turn_ = 1000;
};

}  // namespace chromatin::test

#pragma once

/// What tests ask of a world with an archive.

#include "tests/actors/long_texts.hpp"
#include "tests/actors/world.hpp"

namespace chromatin::test {

/// What an actor answered, as soon as it did.
template <class T>
struct archive_reply {
  std::optional<T> value;
  std::string error = "no answer";
};
template <class T, class... Message>
std::shared_ptr<archive_reply<T>> ask(world& w, Message... message) {
  auto result = std::make_shared<archive_reply<T>>();
  w.system.spawn([=, to = w.gateway](caf::event_based_actor* self) {
    self->request(to, caf::infinite, message...)
        .then([result](T& value) { result->value = std::move(value); },
              [result](const caf::error& error) { result->error = explain(error); });
  });
  return result;
}
inline archive_ticket archive(world& w, const std::string& id, bool kv = false) {
  const auto asked = ask<archive_ticket>(w, atom::archive_v, ref(id), kv);
  w.run();
  EXPECT_TRUE(asked->value) << asked->error;
  return asked->value.value_or(archive_ticket{});
}
inline archive_tickets tickets(world& w) {
  const auto asked = ask<archive_tickets>(w, atom::archive_v, atom::list_v, std::string{"tenant"});
  w.run();
  return asked->value.value_or(archive_tickets{});
}
inline std::string answer_of(world& w, const std::string& id, int number) {
  const auto turn = w.say(id, quiet_room + std::to_string(number), 24);
  w.run();
  EXPECT_EQ(w.outcome(turn).error, "");
  return w.outcome(turn).text;
}

/// In a world whose clock never rests: so much time passes, step by step.
inline void pass(world& w, std::chrono::seconds time, std::chrono::seconds step = std::chrono::minutes{30}) {
  for (const auto end = w.system.clock().now() + time; w.system.clock().now() < end; w.drain()) {
    while (w.poll_disk()) w.drain();
    w.scheduler_thread.advance_time(step);
  }
}
/// A turn there; why it was not answered.
inline std::string speak(world& w, const std::string& id, std::uint32_t answer_tokens = 8) {
  const auto turn = w.say(id, quiet_room, answer_tokens);
  for (int i = 0; i < 100 && !w.outcome(turn).done; ++i) {
    w.drain();
    w.poll_disk();
  }
  return w.outcome(turn).error;
}

inline std::vector<std::string> said_in(world& w, const std::string& id) {
  std::vector<std::string> all;
  for (const auto& message : w.messages(id)) all.push_back(message.role + ": " + message.content);
  return all;
}

}  // namespace chromatin::test

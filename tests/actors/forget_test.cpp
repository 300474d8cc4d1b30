// What a conversation leaves in the tiers goes with it, whatever it went through.

#include "tests/actors/long_texts.hpp"
#include "tests/actors/world.hpp"

namespace chromatin::test {
namespace {

template <class... Message>
void ask_for_info(world& w, Message... message) {
  w.system.spawn([&](caf::event_based_actor* self) {
    self->request(w.gateway, caf::infinite, message...).then([](const conversation_info&) {}, [](const caf::error&) {});
  });
  w.run();
}

void forget(world& w, const std::string& id) {
  w.system.spawn([&](caf::event_based_actor* self) {
    self->request(w.gateway, caf::infinite, atom::forget_v, ref(id))
        .then([] {}, [](const caf::error& e) { ADD_FAILURE() << explain(e); });
  });
  w.run();
}

void expect_empty(world& w) {
  EXPECT_EQ(w.counter(w.device, "chunks"), 0);
  EXPECT_EQ(w.counter(w.host, "chunks"), 0);
  EXPECT_EQ(w.counter(w.disk, "chunks"), 0);
}

TEST(Forget, NoTierKeepsAChunk) {
  world w;
  w.talk("c", many(4));
  w.talk("c", many(2));
  EXPECT_GT(w.store->load().size(), 2u);
  forget(w, "c");
  expect_empty(w);
}

TEST(Forget, WhatAnotherConversationHasStays) {
  world w;
  w.talk("c", many(4));
  w.fork("c", "copy");
  w.talk("c", many(2));
  forget(w, "c");
  auto next = w.talk("copy", "And now?");
  EXPECT_LT(next.computed_tokens, 80u) << "all but a tail is there";
  forget(w, "copy");
  expect_empty(w);
}

TEST(Forget, ChunksFromBeforeTruncationsGoToo) {
  world w{{.context = 256}};
  for (int turn = 0; turn < 6; ++turn) w.talk("c", many(2));
  w.talk("c", taxi, 300);  // truncated in mid-answer
  ask_for_info(w, atom::truncate_v, ref("c"), 0u, 0.5);
  w.talk("c", taxi);
  forget(w, "c");
  expect_empty(w);
}

TEST(Forget, ChunksOfATurnThatNobodyAnsweredGoToo) {
  for (int steps = 5; steps < 90; steps += 7) {
    world w{{.step_tokens_max = 32}};
    w.talk("c", taxi);
    auto id = w.say("c", many(6));
    for (int n = 0; n < steps; ++n)
      if (!w.scheduler_thread.try_run_once()) w.poll_disk(1);
    caf::anon_send(w.gateway, atom::cancel_v, id);
    w.run();
    forget(w, "c");
    expect_empty(w);
  }
}

}  // namespace
}  // namespace chromatin::test

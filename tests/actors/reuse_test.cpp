// What was computed is found again, and what nobody needs any more goes first.

#include <set>

#include "tests/actors/idle_tier.hpp"
#include "tests/actors/long_texts.hpp"

namespace chromatin::test {
namespace {

TEST(Reuse, WhatACancelledTurnComputedIsReused) {
  world w{{.step_tokens_max = 48}};
  w.talk("c", taxi);
  auto id = w.say("c", many(8), 20);
  for (int n = 0; n < 60; ++n) w.step();
  caf::anon_send(w.gateway, atom::cancel_v, id);
  w.run();
  auto computed = w.counter(w.device, "computed_chunks");
  ASSERT_GT(computed, 1);
  auto again = w.talk("c", many(8));
  EXPECT_LT(again.computed_tokens + 64u, again.prompt_tokens);
  EXPECT_GE(tokens_from(again.hits, "device"), 64u * static_cast<std::uint32_t>(computed - 1));
}

TEST(Reuse, AnAnswerThatPassesItsWindowKeepsItsPlace) {
  auto computed = [](int others) {
    world w{{.device_chunks = 4, .host_chunks = 2, .batch_max = 8, .disk = false, .context = 128}};
    auto a = w.say("a", "hello", 300);
    w.run();
    for (int c = 0; c < others; ++c) w.say("o" + std::to_string(c), std::to_string(c) + taxi, 60);
    w.run();
    return w.outcome(a).statistics.computed_tokens;
  };
  EXPECT_EQ(computed(0), computed(6));
}

TEST(Reuse, ATailThatIsNowhereElseStaysForAForkWhenItsConversationGoesOn) {
  world w;
  without_tiers idle{w, false};
  w.talk("original", "hello", 4);
  w.fork("original", "copy");
  w.talk("original", "hello", 4);
  EXPECT_GT(tokens_from(w.talk("copy", "hello", 4).hits, "device"), 0u);
}

TEST(Reuse, AChunkThatTwoTurnsComputeAtOnceIsHandedDownOnce) {
  world w{{.step_tokens_max = 512}};
  without_tiers idle{w, false};
  w.say("runs", "hello", 400);  // so that the two wait for one of its steps, and begin in the next
  for (int n = 0; n < 60; ++n) w.step();
  for (int i = 0; i < 2; ++i) w.say("c" + std::to_string(i), many(6), 4);
  w.run();
  ASSERT_GE(idle.layers_handed_down.size(), 2u);
  for (const auto& [key, layers] : idle.layers_handed_down) EXPECT_EQ(layers, w.geometry.layers);
}

TEST(Reuse, LayersThatWereComputedBeforeTheirOrderWasSeenAreHandedDownToTheLast) {
  world w;
  without_tiers idle{w, false};
  kv::chunk_key key{1, 2};
  w.system.spawn([&](caf::event_based_actor* self) {
    self->request(w.device, caf::infinite, atom::admit_v, admission{.turn = 99, .pages = 1})
        .then([=, &w](const admitted& granted) {
          chunk whole{{.key = key, .fill = kv::tokens_per_chunk}, 0, granted.pages.front(), nullptr};
          for (std::uint32_t layer = 0; layer < w.geometry.layers; ++layer)
            self->send(w.device, atom::save_v, turn_id{99}, save_order{{whole}, layer, layer + 1, gpu::fence{}});
          self->send(w.device, atom::release_v, release_order{.turn = 99});
        });
  });
  w.drain();
  EXPECT_EQ(idle.layers_handed_down[key], w.geometry.layers);
}

TEST(Reuse, TailsThatWereGrownFromGoBeforeWhatIsStillOfUse) {
  world w{{.device_chunks = 2, .host_chunks = 5, .disk = false}};
  w.talk("a", "hello", 4);
  w.talk("b", many(3), 4);
  for (int turn = 0; turn < 6; ++turn) w.talk("b", "yes", 4);
  EXPECT_GT(w.counter(w.host, "evicted_chunks"), 0);
  EXPECT_GT(tokens_from(w.talk("a", "hello", 4).hits, "host"), 0u) << "b's old tails stayed in its place";
}

TEST(Reuse, TheDiskGivesUpTheTailOfAChainBeforeItsHead) {
  world w{{.disk_chunks = 20}};
  w.talk("a", many(28));
  std::map<kv::chunk_key, std::uint32_t> of_a;
  for (const auto& c : w.store->load()) of_a[c.key] = c.depth;
  for (int c = 0; c < 12 && w.counter(w.disk, "evicted_chunks") == 0; ++c)
    w.talk("o" + std::to_string(c), std::to_string(c) + many(3));
  std::set<std::uint32_t> left;
  for (const auto& c : w.store->load())
    if (of_a.contains(c.key)) left.insert(of_a[c.key]);
  if (!left.empty()) {
    EXPECT_TRUE(left.contains(0u)) << "what is left is useless: its head is gone";
  }
}

TEST(Reuse, WhatIsForgottenForGoodLeavesNoChunks) {
  world w;
  for (int turn = 0; turn < 3; ++turn) w.talk("c", many(4) + std::to_string(turn));
  w.system.spawn([&](caf::event_based_actor* self) {
    self->request(w.gateway, caf::infinite, atom::forget_v, conversation_ref{"tenant", "c"}).then([] {});
  });
  w.run();
  EXPECT_EQ(w.store->load().size(), 0u);
  EXPECT_EQ(w.counter(w.host, "chunks"), 0);
  EXPECT_EQ(w.counter(w.device, "chunks"), 0);
}

}  // namespace
}  // namespace chromatin::test

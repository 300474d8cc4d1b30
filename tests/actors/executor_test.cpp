// The executor alone, on the toy backend.

#include "actors/executor.hpp"

#include <gtest/gtest.h>

#include "tests/actors/desk.hpp"
#include "tests/support/toy_backend.hpp"

namespace chromatin::test {
namespace {

struct Executor : testing::Test {
  ~Executor() override {
    kill(executor);
    run();
  }
  void messages() {
    while (coordinator.try_run_once()) {
    }
  }
  void run() {
    do messages();
    while (backend->poll());
  }
  void kill(const executor_actor& who) { caf::anon_send_exit(who, caf::exit_reason::kill); }
  /// Three new tokens behind so many.
  step_part part(turn_id turn, std::uint32_t position) {
    auto pages = arena->try_allocate(kv::chunks_for(position + 4));
    return {.turn = turn,
            .tokens = {1, 2, 3},
            .position = position,
            .pages = std::make_shared<const std::vector<kv::page_ref>>(std::move(pages)),
            .sampler = std::make_shared<model::sampler>(model::sampling{})};
  }
  /// What the step gave; nothing as long as it has not ended.
  std::shared_ptr<std::optional<step_result>> step(std::vector<step_part> parts) {
    auto given = std::make_shared<std::optional<step_result>>();
    system.spawn([=, this, order = step_order{.parts = std::move(parts), .ends = {}}](caf::event_based_actor* self) {
      self->request(executor, caf::infinite, atom::step_v, order).then([given](step_result& r) {
        *given = std::move(r);
      });
    });
    return given;
  }

  desk_config config;
  caf::actor_system system{config};
  caf::scheduler::test_coordinator& coordinator = dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  std::shared_ptr<toy_backend> backend = std::make_shared<toy_backend>();
  std::shared_ptr<kv::page_arena> arena = backend->make_arena(16);
  executor_actor executor = system.spawn(chromatin::executor, backend);
};

TEST_F(Executor, ASequenceWhoseLayersAreLateLeavesAStepThatOthersAreIn) {
  auto late = part(2, 64);
  late.loading = std::make_shared<load_progress>(backend->geometry().layers);
  late.loading->ordered(0, {});
  auto given = step({part(1, 0), late});
  run();
  ASSERT_TRUE(*given) << "the step waits for a load that may never come";
  EXPECT_FALSE((*given)->parts[0].dropped);
  EXPECT_EQ((*given)->parts[0].tokens.size(), 1u);
  EXPECT_TRUE((*given)->parts[1].dropped);
}

TEST_F(Executor, AloneItWaitsForItsLayers) {
  auto alone = part(1, 64);
  alone.loading = std::make_shared<load_progress>(backend->geometry().layers);
  auto given = step({alone});
  run();
  EXPECT_FALSE(*given);
  for (std::uint32_t layer = 0; layer < backend->geometry().layers; ++layer) {
    alone.loading->ordered(layer, {});
    caf::anon_send(executor, atom::ready_v, ticket{1}, layer, gpu::fence{});
    run();
  }
  ASSERT_TRUE(*given);
  EXPECT_FALSE((*given)->parts[0].dropped);
}

TEST_F(Executor, TheNextOneBeginsWhenTheStepOfOneThatDiedHasEnded) {
  auto lost = step({part(1, 0)});
  messages();
  ASSERT_TRUE(backend->busy()) << "it died in mid-step";
  kill(executor);
  messages();
  executor = system.spawn(chromatin::executor, backend);
  auto given = step({part(2, 0)});
  messages();  // the backend ends the program if a step begins now
  EXPECT_FALSE(*given);
  run();
  ASSERT_TRUE(*given);
  EXPECT_EQ((*given)->parts[0].tokens.size(), 1u);
  EXPECT_FALSE(*lost);
}

}  // namespace
}  // namespace chromatin::test

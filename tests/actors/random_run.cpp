#include "tests/actors/random_run.hpp"

#include <algorithm>

namespace chromatin::test {
namespace {

const std::string sentence =
    "I need a taxi to the airport for four people at six in the morning, and a wake-up call before that, please.";

caf::strong_actor_ptr erased(const auto& actor) { return caf::actor_cast<caf::strong_actor_ptr>(actor); }

/// Shapes from so small that every turn fights for pages to so large that nothing is ever evicted.
world_options random_shape(std::uint64_t seed) {
  std::mt19937_64 random{seed * 77 + 5};
  auto one_of = [&](std::initializer_list<std::uint32_t> values) { return values.begin()[random() % values.size()]; };
  world_options o;
  o.device_chunks = one_of({5, 8, 10, 14, 40});
  o.host_chunks = one_of({3, 8, 14, 60});
  o.disk_chunks = one_of({6, 40, 400});
  o.disk = random() % 6 != 0;
  o.batch_max = one_of({1, 2, 3, 6});
  o.step_tokens_max = one_of({16, 48, 200});
  o.context = one_of({192, 256, 576});
  o.shuffle_seed = seed;
  o.orders_loads = random() % 2 == 0;
  o.verify = random() % 4 == 0;
  o.fast_device = seed % 4 == 0;
  return o;
}

}  // namespace

random_run::random_run(std::uint64_t seed, bool with_deaths)
    : seed_{seed}, random_{seed}, deaths_{with_deaths}, world_{random_shape(seed)} {}

void random_run::open_one() {
  auto id = name();
  world_.system.spawn([this, id, turns = turns_.size(), to = world_.gateway](caf::event_based_actor* self) {
    std::string prompt = "You are the concierge of a small hotel.";
    self->request(to, caf::infinite, atom::open_v, conversation_ref{"tenant", id}, prompt)
        .then(
            [this, id, prompt, turns](const conversation_info& info) {
              // Without tokens it is not there yet: a turn under way makes it.
              if (info.tokens > 0) note({event::kind::opened, id, prompt}, turns);
            },
            [](const caf::error&) {});
  });
  log_ += 'o';
}

void random_run::say() {
  std::string text;
  for (auto n = draw(6); n > 0; --n) text += sentence;
  event e{event::kind::said, name(), text + std::to_string(turns_.size()), 0};
  e.tokens = static_cast<std::uint32_t>(5 + draw(draw(4) ? 40 : 500));
  e.reuse = draw(8) != 0;
  auto id = world_.say(e.conversation, e.text, e.tokens, e.reuse, static_cast<std::uint8_t>(draw(3) * 50));
  world_.when_done(id, [this] { note_answers(); });
  turns_.push_back({id, std::move(e)});
  log_ += 's';
}

void random_run::cancel() {
  if (turns_.empty()) return;
  auto back = draw(std::min<std::size_t>(3, turns_.size()));
  caf::anon_send(world_.gateway, atom::cancel_v, turns_[turns_.size() - 1 - back].id);
  log_ += 'c';
}

void random_run::fork() {
  event e{event::kind::forked, name(), "f" + std::to_string(forks_++)};
  world_.system.spawn([this, e, to = world_.gateway](caf::event_based_actor* self) {
    self->request(to, caf::infinite, atom::fork_v, conversation_ref{"tenant", e.conversation}, e.text)
        .then([this, e](const conversation_info&) { events_.push_back(e); }, [](const caf::error&) {});
  });
  log_ += 'f';
}

void random_run::truncate() {
  event e{event::kind::truncated, name()};
  e.tokens = static_cast<std::uint32_t>(draw(2) * draw(300));
  world_.system.spawn([this, e, turns = turns_.size(), to = world_.gateway](caf::event_based_actor* self) {
    self->request(to, caf::infinite, atom::truncate_v, conversation_ref{"tenant", e.conversation}, e.tokens, 0.5)
        .then([this, e, turns](const conversation_info&) { note(e, turns); }, [](const caf::error&) {});
  });
  log_ += 't';
}

void random_run::disk_fault() {
  if (!world_.disk_device) return;
  switch (draw(5)) {
    case 0:
      world_.disk_stalled = !world_.disk_stalled;
      break;
    case 1:
      world_.on->disk_dice->strike_next(io::fault::read_error, static_cast<std::uint32_t>(1 + draw(3)));
      break;
    case 2:
      world_.on->disk_dice->strike_next(io::fault::no_space, static_cast<std::uint32_t>(1 + draw(3)));
      break;
    case 3:
      world_.on->disk_dice->strike_next(io::fault::sync_error);
      break;
    default: {
      auto slot = static_cast<std::uint32_t>(draw(world_.options.disk_chunks));
      world_.on->medium->spoil(world_.store->layout().at(slot, 4096 * draw(3)));
    }
  }
  log_ += 'd';
}

void random_run::device_fault() {
  auto& faults = world_.backend->faults;
  switch (draw(3)) {
    case 0:
      ++faults.in_fails;
      break;
    case 1:
      ++faults.out_fails;
      break;
    default:
      ++faults.copy_fails;
  }
  log_ += 'g';
}

void random_run::death() {
  auto wait = [&] {
    for (auto n = draw(40); n > 0; --n) world_.step();
  };
  if (draw(3) == 0) {
    world_.kill(erased(world_.host));
    wait();
    world_.spawn_host();
    log_ += 'H';
  } else if (draw(2) == 0) {
    world_.kill(erased(world_.prefetcher));
    wait();
    world_.spawn_prefetcher();
    log_ += 'P';
  } else if (world_.disk && !world_.disk_stalled) {
    world_.kill(erased(world_.disk));
    wait();
    while (world_.poll_disk()) {
    }
    world_.drain();
    world_.spawn_disk(world_.store->load());
    caf::anon_send(world_.host, atom::attach_v, erased(world_.disk));
    log_ += 'D';
  }
}

void random_run::live_a_little() {
  for (auto n = draw(60); n > 0; --n) world_.step();
  if (draw(10) == 0) world_.run();
}

void random_run::note_answers() {
  for (auto& t : turns_) {
    if (t.noted || !world_.outcome(t.id).done) continue;
    t.noted = true;
    const auto& end = world_.outcome(t.id);
    const auto& st = end.statistics;
    if (end.error.empty()) {
      t.what.tokens = st.answer_tokens;
      t.what.answer = end.text;
      t.what.how = ", computed " + std::to_string(st.computed_tokens) + " of " + std::to_string(st.prompt_tokens) +
                   ", dropped " + std::to_string(st.dropped_tokens) + ", gave way " + std::to_string(st.preemptions);
      events_.push_back(t.what);
    }
    events_.insert(events_.end(), t.then.begin(), t.then.end());
  }
}

void random_run::note(event e, std::size_t turns_before) {
  for (auto i = turns_before; i-- > 0;)
    if (auto& t = turns_[i]; t.what.conversation == e.conversation && !t.noted) return t.then.push_back(std::move(e));
  events_.push_back(std::move(e));
}

void random_run::run() {
  SCOPED_TRACE("seed " + std::to_string(seed_) + (deaths_ ? " with deaths" : ""));
  for (int n = 0; n < 80 && !testing::Test::HasFatalFailure(); ++n) {
    switch (draw(12)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
        say();
        break;
      case 5:
        cancel();
        break;
      case 6:
        fork();
        break;
      case 7:
        truncate();
        break;
      case 8:
        draw(2) ? disk_fault() : open_one();
        break;
      case 9:
        disk_fault();
        break;
      case 10:
        draw(3) ? void() : device_fault();
        break;
      default:
        if (deaths_) death();
    }
    live_a_little();
  }
  come_to_rest();
  if (!testing::Test::HasFailure()) check_nothing_is_left();
  if (!testing::Test::HasFailure()) check_answers();
  if (testing::Test::HasFailure()) std::printf("seed %lu did: %s\n", static_cast<unsigned long>(seed_), log_.c_str());
}

void random_run::come_to_rest() {
  world_.disk_stalled = false;
  world_.backend->faults = {};
  world_.run();
  auto open = std::count_if(turns_.begin(), turns_.end(), [&](const auto& t) { return !world_.outcome(t.id).done; });
  EXPECT_EQ(open, 0) << "turns were never answered:" << world_.describe();
}

void random_run::check_nothing_is_left() {
  EXPECT_EQ(world_.counter(world_.scheduler, "turns_waiting"), 0);
  EXPECT_EQ(world_.counter(world_.scheduler, "turns_running"), 0);
  EXPECT_EQ(world_.counter(world_.device, "turns_with_pages"), 0);
  EXPECT_EQ(world_.counter(world_.device, "loads_under_way"), 0);
  EXPECT_EQ(world_.counter(world_.device, "saves_waiting"), 0);
  EXPECT_EQ(world_.counter(world_.host, "saves_under_way"), 0);
  EXPECT_EQ(world_.counter(world_.host, "loads_under_way"), 0);
  EXPECT_EQ(world_.counter(world_.prefetcher, "chunks_under_way"), 0);
  EXPECT_EQ(world_.counter(world_.registry, "turns_leased"), 0);
  if (world_.disk) {
    EXPECT_EQ(world_.counter(world_.disk, "saves_waiting"), 0);
  }
  // Every page of the device is free or may be evicted: one turn gets all of them.
  auto tokens = world_.checkpoint->config.context;
  auto all = world_.say("everything", "hello", tokens - 1);
  world_.run();
  EXPECT_EQ(world_.outcome(all).error, "") << "pages of the device leaked";
  auto page = static_cast<std::int64_t>(world_.geometry.chunk_bytes());
  EXPECT_EQ(world_.counter(world_.host, "used_bytes") / page, world_.counter(world_.host, "chunks"))
      << "pages of the host leaked";
}

/// What happened to a conversation, and to what it was forked from, up to an event.
std::string random_run::story_of(const std::string& conversation, const event& last) const {
  std::string story = "the story of " + conversation + ':';
  for (const auto& e : events_) {
    static constexpr const char* verbs[] = {"said", "forked to", "truncated", "opened"};
    story += "\n  " + e.conversation + ' ' + verbs[static_cast<int>(e.what)];
    if (e.what == event::kind::said)
      story += ' ' + std::to_string(e.text.size()) + " bytes" + (e.reuse ? "" : " without reuse") + ": " +
               std::to_string(e.tokens) + " tokens" + e.how;
    else
      story += ' ' + (e.what == event::kind::truncated ? std::to_string(e.tokens) : e.text);
    if (&e == &last) break;
  }
  return story;
}

void random_run::check_answers() {
  world_options calm{.device_chunks = 2000, .host_chunks = 64, .disk = false, .context = world_.options.context};
  calm.context = world_.checkpoint->config.context;
  world undisturbed{calm};
  for (const auto& e : events_) {
    if (e.what == event::kind::said) {
      auto id = undisturbed.say(e.conversation, e.text, e.tokens, e.reuse);
      undisturbed.run();
      const auto& end = undisturbed.outcome(id);
      EXPECT_EQ(end.error, "");
      EXPECT_EQ(end.text, e.answer) << story_of(e.conversation, e) << "; undisturbed: computed "
                                    << end.statistics.computed_tokens << " of " << end.statistics.prompt_tokens
                                    << ", dropped " << end.statistics.dropped_tokens;
      if (end.text != e.answer) return;
    } else {
      undisturbed.system.spawn([&](caf::event_based_actor* self) {
        conversation_ref which{"tenant", e.conversation};
        auto good = [](const conversation_info&) {};
        if (e.what == event::kind::forked)
          self->request(undisturbed.gateway, caf::infinite, atom::fork_v, which, e.text).then(good);
        else if (e.what == event::kind::opened)
          self->request(undisturbed.gateway, caf::infinite, atom::open_v, which, e.text).then(good);
        else
          self->request(undisturbed.gateway, caf::infinite, atom::truncate_v, which, e.tokens, 0.5).then(good);
      });
      undisturbed.run();
    }
  }
}

}  // namespace chromatin::test

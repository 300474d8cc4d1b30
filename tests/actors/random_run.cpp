#include "tests/actors/random_run.hpp"

#include <algorithm>

#include "io/faults.hpp"

namespace chromatin::test {
namespace {

bool is_over(const caf::strong_actor_ptr& actor) { return actor->get()->getf(caf::abstract_actor::is_terminated_flag); }

const std::string sentence =
    "I need a taxi to the airport for four people at six in the morning, and a wake-up call before that, please.";

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
  o.durable = random() % 2 == 0;
  o.delays_messages = random() % 2 == 0;
  o.spoils_advice = random() % 2 == 0;
  o.many_clients = random() % 2 == 0;
  o.token_us = random() % 2 == 0 ? 1000 : 0;
  auto policies = kv::policy_names(false);
  o.policy = policies[random() % policies.size()];
  return o;
}

}  // namespace

random_run::random_run(std::uint64_t seed, bool with_deaths)
    : seed_{seed},
      random_{seed},
      deaths_{with_deaths},
      shape_{random_shape(seed)},
      machine_{std::make_shared<machine>(seed, shape_.durable)},
      world_{std::make_unique<world>(shape_, machine_)} {
  shape_.context = world_->checkpoint->config.context;  // the same in later lives, with more memory, too
}

// -- what clients do --

template <class Result, class Good, class... Values>
void random_run::ask(const std::vector<std::string>& names, Good good, Values... values) {
  asked_of_.insert(names.begin(), names.end());
  world_->system.spawn([=, this, life = life_, to = world_->gateway](caf::event_based_actor* self) {
    auto answered = [=, this] {
      if (life != life_) return false;
      for (const auto& n : names) asked_of_.erase(asked_of_.find(n));
      return true;
    };
    auto failed = [=, this](const caf::error& error) {
      if (answered() && error == ec::store_failed) doubtful_.insert(names.begin(), names.end());
    };
    if constexpr (std::is_void_v<Result>)
      self->request(to, caf::infinite, values...)
          .then(
              [=] {
                if (answered()) good();
              },
              failed);
    else
      self->request(to, caf::infinite, values...)
          .then(
              [=](const Result& result) {
                if (answered()) good(result);
              },
              failed);
  });
}

void random_run::open_one() {
  auto id = name();
  const std::string prompt = "You are the concierge of a small hotel.";
  ask<conversation_info>(
      {id},
      [=, this, turns = turns_.size()](const conversation_info& info) {
        // Without tokens it is not there yet: a turn under way makes it.
        if (info.tokens > 0) note({event::kind::opened, id, prompt}, turns);
      },
      atom::open_v, conversation_ref{"tenant", id}, prompt);
  log_ += 'o';
}

void random_run::say() {
  std::string text;
  for (auto n = draw(6); n > 0; --n) text += sentence;
  event e{event::kind::said, name(), text + std::to_string(turns_.size()) + '.' + std::to_string(life_), 0};
  e.tokens = static_cast<std::uint32_t>(5 + draw(draw(4) ? 40 : 500));
  e.reuse = draw(8) != 0;
  auto id = world_->say(e.conversation, e.text, e.tokens, e.reuse, static_cast<std::uint8_t>(draw(3) * 50));
  world_->when_done(id, [this, life = life_] {
    if (life == life_) note_answers();
  });
  turns_.push_back({id, std::move(e), false, {}});
  log_ += 's';
}

void random_run::cancel() {
  if (turns_.empty()) return;
  auto back = draw(std::min<std::size_t>(3, turns_.size()));
  caf::anon_send(world_->gateway, atom::cancel_v, turns_[turns_.size() - 1 - back].id);
  log_ += 'c';
}

void random_run::fork() {
  event e{event::kind::forked, name(), "f" + std::to_string(forks_++)};
  forks_of_[e.text] = known_[e.conversation];
  ask<conversation_info>(
      {e.conversation, e.text},
      [=, this](const conversation_info& info) {
        copies_.push_back({e, info.messages});
        note_copies(e.conversation);
      },
      atom::fork_v, conversation_ref{"tenant", e.conversation}, e.text);
  log_ += 'f';
}

void random_run::truncate() {
  event e{event::kind::truncated, name(), {}};
  e.tokens = static_cast<std::uint32_t>(draw(2) * draw(300));
  ask<conversation_info>(
      {e.conversation}, [=, this, turns = turns_.size()](const conversation_info&) { note(e, turns); },
      atom::truncate_v, conversation_ref{"tenant", e.conversation}, e.tokens, 0.5);
  log_ += 't';
}

void random_run::forget() {
  event e{event::kind::forgot, name(), {}};
  ask<void>(
      {e.conversation}, [=, this, turns = turns_.size()] { note(e, turns); }, atom::forget_v,
      conversation_ref{"tenant", e.conversation});
  log_ += 'x';
}

// -- what goes wrong --

/// The next operations that can, or many for a while; a stall; damage at one place.
void random_run::disk_fault() {
  if (!world_->disk_device) return;
  auto& dice = *machine_->disk_dice;
  switch (draw(6)) {
    case 0:
      world_->disk_stalled = !world_->disk_stalled;
      count("disk stalls");
      break;
    case 1:
      dice.set_odds(draw(2) ? io::parse_odds("all=30000") : io::fault_odds{});
      break;
    case 2:
      machine_->medium->spoil(
          world_->store->layout().at(static_cast<std::uint32_t>(draw(shape_.disk_chunks)), 4096 * draw(3)));
      count("bits spoilt on the medium");
      break;
    default:
      dice.strike_next(static_cast<io::fault>(draw(static_cast<std::uint64_t>(io::fault::cut_keeps))), few());
  }
  log_ += 'd';
}

void random_run::file_fault() {
  if (!shape_.durable) return;
  static constexpr io::fault kinds[] = {io::fault::read_error, io::fault::write_error, io::fault::no_space,
                                        io::fault::sync_error};
  machine_->file_dice->strike_next(kinds[draw(4)]);
  log_ += 'q';
}

void random_run::device_fault() {
  auto& faults = world_->backend->faults;
  std::uint32_t* kinds[] = {&faults.in_fails, &faults.out_fails, &faults.copy_fails};
  static constexpr const char* names[] = {"copies in that fail", "copies out that fail", "copies that fail"};
  auto kind = draw(3);
  ++*kinds[kind];
  count(names[kind]);
  log_ += 'g';
}

/// At once, or in the middle of its work: instead of handling its n-th message from now on.
void random_run::death() {
  struct mortal {
    const char* name;
    caf::strong_actor_ptr actor;
  };
  std::vector<mortal> all{{"host-tier", erased(world_->host)},
                          {"prefetcher", erased(world_->prefetcher)},
                          {"executor", erased(world_->executor)}};
  if (world_->disk && !world_->disk_stalled)
    all.insert(all.end(), {{"disk-tier", erased(world_->disk)}, {"catalog", erased(world_->catalog)}});
  auto [part, actor] = all[draw(all.size())];
  if (draw(2)) {
    world_->kill(actor);
    count(std::string{"deaths: "} + part);
  } else {
    world_->kill_at(actor, draw(30));
    count(std::string{"deaths at the n-th message: "} + part);
  }
  for (auto n = draw(40) + (world_->dying() ? 200 : 0); n > 0; --n) world_->step();
  world_->kill(actor);  // if so many messages did not come
  world_->drain();      // a part is started again when it is dead, and those who watch it know
  restart(part);
  log_ += static_cast<char>(std::toupper(part[0]));
}

void random_run::restart(const std::string& part) {
  if (part == "host-tier") return world_->spawn_host();
  if (part == "prefetcher") return world_->spawn_prefetcher();
  if (part == "executor") return world_->spawn_executor();
  world_->kill(erased(world_->disk));  // without a catalogue it is of no use
  while (world_->poll_disk()) {
  }
  world_->drain();
  if (part == "catalog") world_->spawn_catalog();
  std::vector<io::stored_chunk> found;
  try {
    found = world_->store->load();
  } catch (const io::sqlite_error&) {  // a disk that fails now: the tier starts empty
  }
  world_->spawn_disk(std::move(found));
  caf::anon_send(world_->host, atom::attach_v, erased(world_->disk));
}

/// The machine loses power and starts again, perhaps with more or less memory. Conversations that somebody was changing
/// are looked at and forgotten: nobody knows what became of them.
void random_run::power_cut() {
  if (!shape_.durable) return;
  if (draw(2)) {  // in the middle of a commit
    machine_->files->power_cut_after(draw(60));
    for (int n = 0; n < 400; ++n) world_->step();
  }
  note_answers();
  ++life_;
  for (const auto& t : turns_) {
    if (t.noted) continue;
    doubtful_.insert(t.what.conversation);
    for (const auto& e : t.then) doubtful_.insert(e.conversation);
  }
  doubtful_.insert(asked_of_.begin(), asked_of_.end());
  asked_of_.clear();
  for (const auto& c : copies_) doubtful_.insert(c.what.text);
  copies_.clear();
  turns_.clear();
  machine_->disk_dice->lift();
  machine_->file_dice->lift();
  world_->power_cut();
  count_advice();
  world_.reset();
  shape_.device_chunks += static_cast<std::uint32_t>(draw(4));
  shape_.host_chunks += static_cast<std::uint32_t>(draw(6));
  world_ = std::make_unique<world>(shape_, machine_);
  check_nothing_is_lost();
  count("power cuts");
  log_ += 'W';
}

void random_run::count_advice() {
  tally_["advice lost"] += world_->advice_lost;
  tally_["advice that comes twice, the second time late"] += world_->advice_twice;
}

/// As the prefetcher does when nothing waits: conversations that are likely to return are raised.
void random_run::look_ahead() {
  caf::anon_send(world_->prefetcher, atom::internal_v, atom::expect_v);
  count("looks at who may return");
  log_ += 'l';
}

void random_run::clock_jump() {
  world_->scheduler_thread.advance_time(std::chrono::milliseconds{draw(10'000)});
  count("clock jumps");
  log_ += 'j';
}

// -- a life --

void random_run::live_a_little() {
  for (auto n = draw(60); n > 0; --n) world_->step();
  if (draw(10) == 0) world_->run();
  revive_disk();
}

bool random_run::revive_disk() {
  if (!world_->disk || !is_over(erased(world_->disk))) return false;
  restart("disk-tier");
  count("disk tiers that gave their device up");
  return true;
}

void random_run::act() {
  switch (draw(16)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
      return say();
    case 6:
      return cancel();
    case 7:
      return fork();
    case 8:
      return truncate();
    case 9:
      return draw(2) ? disk_fault() : open_one();
    case 10:
      return disk_fault();
    case 11:
      return draw(3) ? file_fault() : device_fault();
    case 12:
      return draw(3) ? clock_jump() : forget();
    case 13:
      return draw(3) ? look_ahead() : power_cut();
    default:
      if (deaths_) death();
  }
}

void random_run::run(tally& done) {
  SCOPED_TRACE("seed " + std::to_string(seed_) + (deaths_ ? " with deaths" : ""));
  for (int n = 0; n < 100 && !testing::Test::HasFailure(); ++n) {
    act();
    live_a_little();
  }
  come_to_rest();
  if (!testing::Test::HasFailure()) check_nothing_is_left();
  if (!testing::Test::HasFailure()) check_nothing_is_lost();
  if (!testing::Test::HasFailure()) check_answers();
  if (testing::Test::HasFailure()) std::printf("seed %lu did: %s\n", static_cast<unsigned long>(seed_), log_.c_str());
  count_advice();
  for (std::size_t i = 0; i < io::fault_kinds; ++i) {
    std::string kind = io::to_string(static_cast<io::fault>(i));
    tally_["disk: " + kind] += machine_->disk_dice->counts().fired[i];
    tally_["files: " + kind] += machine_->file_dice->counts().fired[i];
  }
  for (const auto& [what, times] : tally_) done[what] += times;
}

}  // namespace chromatin::test

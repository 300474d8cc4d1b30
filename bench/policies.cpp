// What a decision of each policy costs when a tier is full of chunks.

#include <ctime>

#include <algorithm>
#include <random>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "bench/commands.hpp"
#include "bench/measure.hpp"
#include "io/progress.hpp"
#include "kv/policy/policies.hpp"

namespace chromatin::bench {
namespace {

constexpr std::uint32_t chain_chunks = 32, one_chunk_bytes = 1;

struct policies_flags {
  std::string json;
  std::vector<std::string> only = kv::policy_names(true);
  std::uint32_t chunks = 1'000'000, decisions = 200'000;
  std::uint64_t seed = 1;
};

/// Of this thread's processor time: what else the machine does must not count.
template <class Work>
double cpu_us_of(Work work) {
  auto now_us = [] {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return 1e6 * static_cast<double>(t.tv_sec) + 1e-3 * static_cast<double>(t.tv_nsec);
  };
  auto begin_us = now_us();
  work();
  return now_us() - begin_us;
}

/// Belady's: a chunk's next use is as random as its key.
struct some_future final : kv::foresight {
  std::int64_t next_use(kv::chunk_key key) const override { return static_cast<std::int64_t>(key.low >> 1); }
};

/// Conversations of some chunks each, which return at random.
class crowd {
 public:
  crowd(kv::eviction_policy& policy, std::uint64_t seed) : policy_{policy}, random_{seed} {}

  /// A new conversation, or a turn of one that is there.
  void take_turn(bool fresh) {
    now_us_ += 100'000;
    auto which = fresh || chains_.empty() ? chains_.size() : random_() % chains_.size();
    if (which == chains_.size()) chains_.emplace_back();
    auto& chain = chains_[which];
    kv::chain_use use{.now_us = now_us_,
                      .conversation = which + 1,
                      .turn = ++turns_,
                      .prompt_tokens = static_cast<std::uint32_t>(random_() % 4000)};
    policy_.touch(chain, use);
    auto count = fresh ? chain_chunks : 1;
    for (std::uint32_t i = 0; i < count; ++i) {
      kv::chunk_key key{random_(), random_()};
      policy_.insert(key, {.depth = static_cast<std::uint32_t>(chain.size()), .bytes = one_chunk_bytes});
      policy_.safe_below(key, true);
      chain.push_back(key);
    }
    use.answer_tokens = static_cast<std::uint32_t>(random_() % 400), use.settled = true;
    policy_.touch(chain, use);
  }

  std::int64_t now_us() const { return now_us_; }

 private:
  kv::eviction_policy& policy_;
  std::mt19937_64 random_;
  std::vector<std::vector<kv::chunk_key>> chains_;
  std::int64_t now_us_ = 0;
  std::uint64_t turns_ = 0;
};

nlohmann::ordered_json measure(const std::string& name, const policies_flags& flags) {
  some_future future;
  auto policy = kv::make_policy(name, {.future = &future});
  crowd users{*policy, flags.seed};
  for (std::uint32_t i = 0; i < flags.chunks / chain_chunks; ++i) users.take_turn(true);
  // Between two decisions a conversation returns and one comes, as in a tier that is full.
  std::vector<double> turns_us, decisions_us;
  io::progress_line line{name};
  for (std::uint32_t left = flags.decisions; left > 0;) {
    for (bool fresh : {false, true}) turns_us.push_back(cpu_us_of([&] { users.take_turn(fresh); }));
    std::uint32_t gone = 0;
    auto us = cpu_us_of([&] {
      for (auto key : policy->victims((chain_chunks + 1) * one_chunk_bytes, users.now_us())) policy->erase(key), ++gone;
    });
    decisions_us.push_back(us / std::max(gone, 1U));
    left -= std::min(left, std::max(gone, 1U));
    line.show(flags.decisions - left, flags.decisions);
  }
  line.take_away();
  double sum = 0;
  for (auto us : decisions_us) sum += us;
  auto mean = sum / static_cast<double>(decisions_us.size());
  std::sort(decisions_us.begin(), decisions_us.end());
  auto p50 = decisions_us[decisions_us.size() / 2], p99 = decisions_us[decisions_us.size() * 99 / 100];
  auto turn = median(turns_us);
  fmt::print("{:<12} {:>12.2f} {:>12.2f} {:>12.2f} {:>12.1f}\n", name, p50, mean, p99, turn);
  return {{"policy", name}, {"decision_us", {{"p50", p50}, {"mean", mean}, {"p99", p99}}}, {"turn_us", turn}};
}

void run(const policies_flags& flags) {
  fmt::print("{}\n{} chunks in chains of {}; µs for each chunk that is chosen and erased, and for a turn's calls\n\n",
             machine(), flags.chunks, chain_chunks);
  fmt::print("{:<12} {:>12} {:>12} {:>12} {:>12}\n", "policy", "p50", "mean", "p99", "turn, p50");
  nlohmann::ordered_json all{
      {"machine", machine()}, {"chunks", flags.chunks}, {"policies", nlohmann::ordered_json::array()}};
  for (const auto& name : flags.only) all["policies"].push_back(measure(name, flags));
  write_json(flags.json, all);
}

}  // namespace

void add_policies(CLI::App& bench) {
  auto* command = bench.add_subcommand("policies", "What a decision of each replacement policy costs in a full tier");
  auto flags = std::make_shared<policies_flags>();
  command->add_option("--chunks", flags->chunks, "in the tier")
      ->capture_default_str()
      ->check(CLI::Range(1000, 100'000'000));
  command->add_option("--decisions", flags->decisions, "to measure")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000'000));
  command->add_option("--policy", flags->only, "names with commas between")
      ->delimiter(',')
      ->check(CLI::IsMember(kv::policy_names(true)));
  command->add_option("--seed", flags->seed, "of who comes and returns")->capture_default_str();
  command->add_option("--json", flags->json, "write the figures to this file");
  command->callback([flags] { run(*flags); });
}

}  // namespace chromatin::bench

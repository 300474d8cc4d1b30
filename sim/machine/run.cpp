#include "sim/machine/run.hpp"

#include <algorithm>

#include "kv/check.hpp"
#include "sim/machine/visitors.hpp"

namespace chromatin::sim {
namespace {

constexpr std::size_t parts_over_time = 50;

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

/// What counts up during a run.
struct meters {
  device_time device;
  double bytes_in = 0, bytes_out = 0, bytes_read = 0, urgently_read = 0, bytes_written = 0, s = 0;
};

meters read_meters(const stage& at) {
  auto& copies = const_cast<modelled_backend&>(at.backend()).copies();
  meters m{.device = at.backend().time_spent(), .bytes_in = copies.bytes_in(), .bytes_out = copies.bytes_out()};
  if (const auto* disk = at.disk()) {
    m.bytes_read = disk->bytes_read();
    m.urgently_read = disk->bytes_read_urgently();
    m.bytes_written = disk->bytes_written();
  }
  m.s = at.simulated_s();
  return m;
}

/// Adds up the turns after the warm-up.
class gathering {
 public:
  gathering(machine_result& into, const stage& at, std::uint64_t turns, std::uint64_t warm_up)
      : result_{into}, stage_{at}, warm_up_{warm_up}, counted_{turns - warm_up} {}

  void take(std::uint64_t number, const turn_record& t) {
    if (number <= warm_up_) {
      begin_ = read_meters(stage_);
      return;
    }
    ++result_.requests;
    bool reusable = t.reusable_tokens > 0;
    result_.reusable_requests += reusable;
    result_.full_hits += reusable && t.reused_tokens >= t.reusable_tokens;
    result_.reusable_tokens += t.reusable_tokens, part_reusable_ += t.reusable_tokens;
    result_.reused_tokens += t.reused_tokens, part_reused_ += t.reused_tokens;
    result_.prompt_tokens += t.prompt_tokens;
    result_.computed_tokens += t.computed_tokens;
    result_.answer_tokens += t.answer_tokens;
    for (const auto& hit : t.hits) tokens_of(hit.tier) += hit.tokens;
    ttft_ms_.push_back(static_cast<double>(t.first_token_us) / 1e3);
    prefill_ms_.push_back(static_cast<double>(t.first_token_us - t.queued_us) / 1e3);
    auto parts = std::min<std::uint64_t>(parts_over_time, counted_);
    if (result_.requests * parts / counted_ == (result_.requests - 1) * parts / counted_) return;
    result_.hit_share_over_time.push_back(
        share(static_cast<double>(part_reused_), static_cast<double>(part_reusable_)));
    part_reused_ = part_reusable_ = 0;
  }

  void end(const machine& m) {
    auto end = read_meters(stage_);
    auto gpu_s = [&](double device_time::*what) { return (end.device.*what - begin_.device.*what) / 1e6 * m.gpus; };
    result_.prefill_gpu_s = gpu_s(&device_time::prefill_us);
    result_.decode_gpu_s = gpu_s(&device_time::decode_us);
    result_.load_wait_gpu_s = gpu_s(&device_time::load_wait_us);
    result_.save_wait_gpu_s = gpu_s(&device_time::save_wait_us);
    result_.to_device_bytes = end.bytes_in - begin_.bytes_in;
    result_.to_host_bytes = end.bytes_out - begin_.bytes_out;
    result_.disk_read_bytes = end.bytes_read - begin_.bytes_read;
    auto waited_for = (end.urgently_read - begin_.urgently_read) / m.kv_bytes_per_token;
    result_.raised_tokens =
        static_cast<std::uint64_t>(std::max(0.0, static_cast<double>(tokens_of("disk")) - waited_for));
    result_.disk_written_bytes = end.bytes_written - begin_.bytes_written;
    result_.simulated_s = end.s - begin_.s;
    result_.ttft_ms = distribution_of(std::move(ttft_ms_));
    result_.prefill_ms = distribution_of(std::move(prefill_ms_));
  }

 private:
  std::uint64_t& tokens_of(const std::string& tier) {
    auto found = std::find_if(result_.tiers.begin(), result_.tiers.end(), [&](auto& t) { return t.tier == tier; });
    return found != result_.tiers.end() ? found->tokens : result_.tiers.emplace_back(tier_hits{tier, 0}).tokens;
  }

  machine_result& result_;
  const stage& stage_;
  std::uint64_t warm_up_, counted_;
  std::uint64_t part_reused_ = 0, part_reusable_ = 0;
  std::vector<double> ttft_ms_, prefill_ms_;
  meters begin_;
};

/// Host memory and disk cost for what they keep only.
void add_cost(machine_result& r, const machine& m, const stage& at, bool reuse) {
  constexpr double hour_s = 3600;
  auto hours = r.simulated_s / hour_s;
  r.gpu_dollars = r.gpu_s() / hour_s * m.gpu_per_h;
  if (reuse && at.host) r.host_dollars = hours * m.host_gb * m.host_gb_per_h;
  if (reuse && at.disk_tier) r.disk_dollars = hours * m.disk_gb * m.disk_gb_per_h;
}

}  // namespace

double machine_result::hit_token_share() const {
  return share(static_cast<double>(reused_tokens), static_cast<double>(reusable_tokens));
}
double machine_result::full_hit_share() const {
  return share(static_cast<double>(full_hits), static_cast<double>(reusable_requests));
}
double machine_result::prefill_tokens_per_s() const {
  return share(static_cast<double>(prompt_tokens), prefill_gpu_s + load_wait_gpu_s + save_wait_gpu_s);
}

machine_result simulate(const workload& what, const machine& on, const std::string& policy,
                        std::uint64_t capacity_tokens) {
  bool reuse = policy != recompute;
  auto longest = static_cast<std::uint32_t>(std::min<std::uint64_t>(what.tokens_max() + what.block_tokens, 1u << 30));
  auto context = static_cast<std::uint32_t>(on.context_tokens);
  if (what.has_blocks) context = std::max(context, longest);  // its prompts cannot be cut
  stage at{on,
           {.block_tokens = what.block_tokens,
            .context_tokens = context,
            .cache_tokens = capacity_tokens,
            .policy = {.name = reuse ? policy : kv::usual_policy, .hears_queue = on.policies_hear_queue}}};
  machine_result result{.machine = on.name, .policy = policy, .capacity_tokens = at.capacity_tokens()};
  gathering sum{result, at, what.turns(), std::min<std::uint64_t>(what.warm_up_turns, what.turns() - 1)};
  visitors people{at, what, on, reuse, [&](std::uint64_t number, const turn_record& t) { sum.take(number, t); }};
  at.run([&] { return people.all_gone(); });
  CHROMATIN_CHECK(people.all_gone(), "nothing is left to do when everybody is answered, and not before");
  sum.end(on);
  result.refused = people.refused();
  result.why_refused = people.why_refused();
  add_cost(result, on, at, reuse);
  return result;
}

}  // namespace chromatin::sim

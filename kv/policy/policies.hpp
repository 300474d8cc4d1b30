#pragma once

/// The policies by name.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kv/eviction.hpp"

namespace chromatin::kv {

/// Of tiers that are not told another.
inline constexpr const char* usual_policy = "lru";

/// What is to come, for a policy that is told the future (Belady's): in a simulation only.
class foresight {
 public:
  virtual ~foresight() = default;
  /// When the chunk is used next after the use under way: the number of that request; the greatest number: never.
  virtual std::int64_t next_use(chunk_key key) const = 0;
};

struct policy_setting {
  const foresight* future = nullptr;  ///< outlives the policy
};

/// Throws std::invalid_argument with one line for a name that is not there, and for a policy that needs the future
/// where nobody knows it.
std::unique_ptr<eviction_policy> make_policy(std::string_view name, const policy_setting& setting = {});

/// A tier's policy, and what one of that name learned in an earlier run; none of it is no harm.
struct policy_choice {
  std::string name = usual_policy;
  std::vector<std::byte> learned = {};
  bool hears_queue = true;  ///< false: as if no turn waited, to see what knowing the queue is worth
};
std::unique_ptr<eviction_policy> make_policy(const policy_choice& choice);

/// All names, those of policies for a running system or those of all.
std::vector<std::string> policy_names(bool with_foresight);

}  // namespace chromatin::kv

#include "kv/policy/policies.hpp"

#include <stdexcept>

namespace chromatin::kv {

#define POLICY(name, needs_future, what) std::unique_ptr<eviction_policy> make_##name(const policy_setting& setting);
#include "kv/policy/policies.inl"
#undef POLICY

namespace {

struct row {
  std::string_view name;
  bool needs_future;
  std::unique_ptr<eviction_policy> (*make)(const policy_setting&);
};

constexpr row table[] = {
#define POLICY(name, needs_future, what) {#name, needs_future, make_##name},
#include "kv/policy/policies.inl"
#undef POLICY
};

}  // namespace

std::unique_ptr<eviction_policy> make_policy(std::string_view name, const policy_setting& setting) {
  for (const auto& r : table) {
    if (r.name != name) continue;
    if (r.needs_future && !setting.future)
      throw std::invalid_argument("the policy '" + std::string{name} +
                                  "' is told the future: only `chromatin simulate` can do that");
    return r.make(setting);
  }
  std::string known;
  for (const auto& each : policy_names(setting.future != nullptr)) known += (known.empty() ? "" : ", ") + each;
  throw std::invalid_argument("there is no policy '" + std::string{name} + "'; there are " + known);
}

std::unique_ptr<eviction_policy> make_policy(const policy_choice& choice) {
  auto made = make_policy(choice.name);
  if (!choice.learned.empty()) made->learn(choice.learned);
  return made;
}

std::vector<std::string> policy_names(bool with_foresight) {
  std::vector<std::string> names;
  for (const auto& r : table)
    if (with_foresight || !r.needs_future) names.emplace_back(r.name);
  return names;
}

}  // namespace chromatin::kv

// Points of conversations that have names, labels, and conversations that nobody named: a part of the registry.

#include <chrono>

#include <fmt/format.h>

#include "actors/held_lease.hpp"
#include "actors/registry.hpp"

namespace chromatin {
namespace {

/// What a tenant with too many conversations is told to wait: somebody has to forget some.
constexpr std::chrono::seconds forgetting_takes{10};
/// Conversations without a name that may have turns under way; then another one is found.
constexpr std::uint32_t tries_max = 64;

caf::error no_point(const std::string& name) {
  return caf::make_error(ec::no_conversation, "there is no response " + name);
}

}  // namespace

caf::result<void> registry_state::put_point(const std::string& tenant, const std::string& point_name,
                                            const conversation_point& point) {
  return guarded<void>([&]() -> caf::result<void> {
    auto at = store->find({tenant, point.id});
    if (!at || at->messages < point.messages) return absent({tenant, point.id});
    begin_write();
    store->put_point(tenant, point_name, point);
    return {};
  });
}

caf::result<conversation_point> registry_state::find_point(const std::string& tenant, const std::string& which) {
  return guarded<conversation_point>([&]() -> caf::result<conversation_point> {
    auto found = store->find_point(tenant, which);
    if (!found) return no_point(which);
    return *std::move(found);
  });
}

caf::result<key_list> registry_state::forget_point(const std::string& tenant, const std::string& which) {
  return guarded<key_list>([&]() -> caf::result<key_list> {
    auto found = store->find_point(tenant, which);
    if (!found) return no_point(which);
    begin_write();
    auto left = store->forget_point(tenant, which);
    io::conversation_key key{tenant, found->id};
    held_lease lease{*store, key, clerk};
    // A turn under way goes on in it: then it stays, until room is needed.
    if (left > 0 || !found->id.starts_with(unnamed_prefix) || !lease.take(self->clock().now())) return key_list{};
    return forget_stored(key);
  });
}

void registry_state::note_made(const io::conversation_key& key) {
  store->put_label(key, {.created_s = limits.wall_clock_s ? limits.wall_clock_s() : 0, .metadata = {}});
}

caf::result<conversation_label> registry_state::find_label(const conversation_ref& which) {
  return guarded<conversation_label>([&]() -> caf::result<conversation_label> {
    if (!store->find(key_of(which))) return absent(which);
    return store->find_label(key_of(which));
  });
}

caf::result<conversation_label> registry_state::put_metadata(const conversation_ref& which,
                                                             const std::string& metadata) {
  return guarded<conversation_label>([&]() -> caf::result<conversation_label> {
    if (!store->find(key_of(which))) return absent(which);
    auto label = store->find_label(key_of(which));
    label.metadata = metadata;
    begin_write();
    store->put_label(key_of(which), label);
    return label;
  });
}

caf::error registry_state::make_room(const std::string& tenant) {
  if (store->conversations_of(tenant) < limits.conversations_max) return {};
  for (const auto& id : store->oldest(tenant, std::string{unnamed_prefix}, tries_max)) {
    held_lease lease{*store, {tenant, id}, clerk};
    if (!lease.take(self->clock().now())) continue;
    begin_write();
    auto chunks = forget_stored({tenant, id});
    ++let_go;
    if (tiers && !chunks.empty())
      batch->wait([to = tiers, chunks = std::move(chunks)](const caf::error* lost) {
        if (!lost) caf::anon_send(to, atom::erase_v, chunks);
      });
    return {};
  }
  return come_back(ec::no_room,
                   fmt::format("there are {} conversations, which is the most; forget some", limits.conversations_max),
                   forgetting_takes);
}

}  // namespace chromatin

#include "http/matching.hpp"

#include "http/error.hpp"
#include "rpc/answering.hpp"
#include "rpc/ask.hpp"

namespace chromatin::http {
namespace {

place new_place() { return {std::string{unnamed_prefix} + rpc::random_name(), 0}; }

/// What cannot be forked, since it was forgotten meanwhile, is said in a new conversation: that costs the tokens that
/// were generated, where their text is tokenized differently, and nothing else.
kj::Promise<place> fork(rpc::service_context& context, const std::string& tenant, const std::string& from,
                        std::size_t messages) {
  auto into = new_place();
  into.known = messages;
  return rpc::ask<conversation_info>(context.system, context.gateway, atom::fork_v, conversation_ref{tenant, from},
                                     into.conversation, static_cast<std::uint32_t>(messages))
      .then([into](conversation_info) { return into; }, [](kj::Exception&&) { return new_place(); });
}

/// All of a conversation that has a name; one that does not exist is new under each.
kj::Promise<place> fork_named(rpc::service_context& context, const std::string& tenant, const std::string& from) {
  auto into = new_place();
  into.named = true;
  return rpc::ask<conversation_info>(context.system, context.gateway, atom::fork_v, conversation_ref{tenant, from},
                                     into.conversation)
      .then([into](conversation_info) -> kj::Promise<place> { return into; },
            [into](kj::Exception&& failure) -> kj::Promise<place> {
              if (from_actor(failure.getDescription().cStr()).code != "no_conversation") return kj::mv(failure);
              return into;
            });
}

}  // namespace

kj::Promise<place> find_place(rpc::service_context& context, const std::string& tenant, const std::string& salt,
                              const std::vector<model::message>& messages) {
  if (messages.size() < 2) return new_place();
  message_list before;
  for (std::size_t i = 0; i + 1 < messages.size(); ++i) before.push_back({messages[i].role, messages[i].content});
  return rpc::ask<matched_conversation>(context.system, context.gateway, atom::match_v, tenant, salt, std::move(before))
      .then([&context, tenant](matched_conversation found) -> kj::Promise<place> {
        if (found.id.empty() || found.shared == 0) return new_place();
        if (found.shared == found.messages) return place{found.id, found.shared};
        return fork(context, tenant, found.id, found.shared);
      });
}

kj::Promise<std::vector<place>> find_forks(rpc::service_context& context, const std::string& tenant, const place& at,
                                           std::size_t count) {
  kj::Vector<kj::Promise<place>> forks;
  for (std::size_t i = 0; i < count; ++i) {
    if (at.named)
      forks.add(fork_named(context, tenant, at.conversation));
    else
      forks.add(at.known > 0 ? fork(context, tenant, at.conversation, at.known) : new_place());
  }
  return kj::joinPromises(forks.releaseAsArray()).then([at](kj::Array<place> others) {
    std::vector<place> all{at};
    all.insert(all.end(), others.begin(), others.end());
    return all;
  });
}

kj::Promise<place> find_free_place(rpc::service_context& context, const std::string& tenant, const place& busy) {
  return fork(context, tenant, busy.conversation, busy.known);
}

}  // namespace chromatin::http

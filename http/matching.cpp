#include "http/matching.hpp"

#include "rpc/answering.hpp"
#include "rpc/ask.hpp"

namespace chromatin::http {
namespace {

place new_place() { return {"http-" + rpc::random_name(), 0}; }

/// What cannot be forked now is said in a new conversation: that costs the tokens that were generated, where their text
/// is tokenized differently, and nothing else.
kj::Promise<place> fork(rpc::service_context& context, const std::string& tenant, const std::string& from,
                        std::size_t messages) {
  auto into = new_place();
  into.known = messages;
  return rpc::ask<conversation_info>(context.system, context.gateway, atom::fork_v, conversation_ref{tenant, from},
                                     into.conversation, static_cast<std::uint32_t>(messages))
      .then([into](conversation_info) { return into; }, [](kj::Exception&&) { return new_place(); });
}

}  // namespace

kj::Promise<place> find_place(rpc::service_context& context, const std::string& tenant,
                              const std::vector<model::message>& messages) {
  if (messages.size() < 2) return new_place();
  message_list before;
  for (std::size_t i = 0; i + 1 < messages.size(); ++i) before.push_back({messages[i].role, messages[i].content});
  return rpc::ask<matched_conversation>(context.system, context.gateway, atom::match_v, tenant, std::move(before))
      .then([&context, tenant](matched_conversation found) -> kj::Promise<place> {
        if (found.id.empty() || found.shared == 0) return new_place();
        if (found.shared == found.messages) return place{found.id, found.shared};
        return fork(context, tenant, found.id, found.shared);
      });
}

kj::Promise<place> find_free_place(rpc::service_context& context, const std::string& tenant, const place& busy) {
  return fork(context, tenant, busy.conversation, busy.known);
}

}  // namespace chromatin::http

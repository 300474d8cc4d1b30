#include "http/transcripts.hpp"

#include <iterator>

#include "rpc/ask.hpp"

namespace chromatin::http {
namespace {

kj::Promise<message_list> read_on(const service_parts& parts, conversation_ref which, std::uint32_t next,
                                  std::uint32_t end, message_list all) {
  if (next >= end) return all;
  auto& context = parts.context;
  return rpc::ask<transcript>(context.system, context.gateway, atom::read_v, which, next, end - next)
      .then([&parts, which, next, end, all = std::move(all)](transcript page) mutable -> kj::Promise<message_list> {
        if (page.messages.empty())
          return rpc::to_exception(caf::make_error(ec::no_conversation, std::string{"its messages are gone"}));
        auto count = static_cast<std::uint32_t>(page.messages.size());
        std::ranges::move(page.messages, std::back_inserter(all));
        return read_on(parts, which, next + count, end, std::move(all));
      });
}

}  // namespace

kj::Promise<message_list> read_messages_of(const service_parts& parts, const conversation_ref& which, std::uint32_t end,
                                           std::uint32_t first) {
  return read_on(parts, which, first, end, {});
}

}  // namespace chromatin::http

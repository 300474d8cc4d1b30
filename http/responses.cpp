#include "http/responses.hpp"

#include <algorithm>

#include "http/message_items.hpp"
#include "http/reply.hpp"
#include "http/response_object.hpp"
#include "http/transcripts.hpp"
#include "rpc/ask.hpp"

namespace chromatin::http {
namespace {

using nlohmann::ordered_json;

kj::Promise<conversation_point> point_of(const service_parts& parts, const std::string& tenant, const std::string& id) {
  auto& context = parts.context;
  return rpc::ask<conversation_point>(context.system, context.gateway, atom::point_v, tenant, id);
}

/// Its text is the last message that leads to its point.
kj::Promise<void> show(const service_parts& parts, const std::string& tenant, const std::string& id,
                       kj::HttpService::Response& to) {
  return point_of(parts, tenant, id).then([&parts, tenant, &to](conversation_point point) {
    auto last = std::max(point.messages, 1u) - 1;
    return read_messages_of(parts, {tenant, point.id}, point.messages, last)
        .then([&parts, &to, note = point.note](message_list said) {
          auto response = said.empty() ? std::nullopt : from_note(note, said.front().content);
          if (!response)
            return reply(to, parts.headers,
                         error{.status = 500, .message = "this response cannot be read", .param = {}, .code = {}});
          return reply(to, parts.headers, *response);
        });
  });
}

kj::Promise<void> list_input(const service_parts& parts, const std::string& tenant, const std::string& id,
                             kj::HttpService::Response& to) {
  return point_of(parts, tenant, id)
      .then([&parts, tenant](conversation_point point) {
        return read_messages_of(parts, {tenant, point.id}, std::max(point.messages, 1u) - 1);
      })
      .then([&parts, &to](message_list said) {
        std::vector<ordered_json> items;
        for (std::uint32_t i = 0; i < said.size(); ++i) items.push_back(item_of(said[i], i));
        return reply(to, parts.headers, page_of(std::move(items), false));
      });
}

kj::Promise<void> forget(const service_parts& parts, const std::string& tenant, const std::string& id,
                         kj::HttpService::Response& to) {
  auto& context = parts.context;
  return rpc::ask<void>(context.system, context.gateway, atom::point_v, atom::forget_v, tenant, id)
      .then([&parts, &to, id] {
        return reply(to, parts.headers, ordered_json{{"id", id}, {"object", "response.deleted"}, {"deleted", true}});
      });
}

}  // namespace

kj::Promise<void> answer_responses(const service_parts& parts, const std::string& tenant, kj::HttpMethod method,
                                   const std::string& path, kj::HttpService::Response& to) {
  auto slash = std::min(path.find('/'), path.size());
  auto id = path.substr(0, slash), rest = path.substr(slash);
  if (method == kj::HttpMethod::DELETE) return forget(parts, tenant, id, to);
  return rest.empty() ? show(parts, tenant, id, to) : list_input(parts, tenant, id, to);
}

}  // namespace chromatin::http

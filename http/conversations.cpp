#include "http/conversations.hpp"

#include <charconv>
#include <map>

#include <fmt/format.h>
#include <kj/encoding.h>

#include "http/fields.hpp"
#include "http/reply.hpp"
#include "http/state.hpp"
#include "rpc/answering.hpp"
#include "rpc/ask.hpp"

namespace chromatin::http {
namespace {

using json = nlohmann::ordered_json;

constexpr std::uint32_t page_usual = 20, page_max = 100;

std::string decoded(const std::string& text) {
  auto result = kj::decodeUriComponent(kj::ArrayPtr<const char>{text.data(), text.size()});
  if (result.hadErrors)
    throw error{.status = 400, .message = "the path is not encoded as a URL", .param = {}, .code = {}};
  return {result.begin(), result.size()};
}

/// The values of "a=b&c=d".
class query {
 public:
  explicit query(const std::string& text) {
    for (std::size_t at = 0; at < text.size();) {
      auto end = std::min(text.find('&', at), text.size());
      auto one = text.substr(at, end - at);
      auto equals = std::min(one.find('='), one.size());
      values_[decoded(one.substr(0, equals))] = equals < one.size() ? decoded(one.substr(equals + 1)) : std::string{};
      at = end + 1;
    }
  }
  std::string text(const char* name) const {
    auto found = values_.find(name);
    return found == values_.end() ? std::string{} : found->second;
  }
  std::uint32_t number(const char* name, std::uint32_t otherwise, std::uint32_t most) const {
    auto found = values_.find(name);
    if (found == values_.end()) return otherwise;
    std::uint32_t value = 0;
    auto [end, wrong] = std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
    if (wrong != std::errc{} || end != found->second.data() + found->second.size() || value > most)
      throw error{.status = 400,
                  .message = fmt::format("{} must be a whole number, at most {}", name, most),
                  .param = name,
                  .code = {}};
    return value;
  }

 private:
  std::map<std::string, std::string> values_;
};

json to_json(const conversation_info& info, const std::string& id) {
  return {{"id", id},
          {"object", "conversation"},
          {"messages", info.messages},
          {"tokens", info.tokens},
          {"context_tokens", info.context_tokens}};
}

class answering_conversations {
 public:
  answering_conversations(const service_parts& parts, const conversations_request& request,
                          kj::HttpService::Response& to)
      : parts_{parts}, request_{request}, to_{to} {}

  kj::Promise<void> answer() {
    auto slash = request_.path.find('/', 1);
    auto id = request_.path.empty() ? std::string{} : decoded(request_.path.substr(1, slash - 1));
    auto action = slash == std::string::npos ? std::string{} : request_.path.substr(slash + 1);
    conversation_ref which{request_.tenant, id};
    using method = kj::HttpMethod;
    if (id.empty()) return only(method::GET), list();
    if (action.empty() && request_.method == method::DELETE) return forget(which);
    if (action.empty()) return only(method::GET), show(which);
    if (action == "messages") return only(method::GET), read(which);
    if (action == "chunks") return only(method::GET), answer_chunks(parts_, which, to_);
    if (action == "fork") return only(method::POST), fork(which);
    if (action == "truncate") return only(method::POST), truncate(which);
    throw error{.status = 404, .message = "a conversation has no " + action, .param = {}, .code = "not_found"};
  }

 private:
  void only(kj::HttpMethod wanted) const {
    bool head = wanted == kj::HttpMethod::GET && request_.method == kj::HttpMethod::HEAD;
    if (request_.method != wanted && !head)
      throw error{.status = 405,
                  .message = fmt::format("this path knows {} only", kj::str(wanted).cStr()),
                  .param = {},
                  .code = {}};
  }

  template <class T, class... Message>
  kj::Promise<T> ask(Message... message) {
    return rpc::ask<T>(parts_.context.system, parts_.context.gateway, std::move(message)...);
  }
  /// Writes what a conversation is.
  auto show_info(std::string id) {
    return [&parts = parts_, &to = to_, id = std::move(id)](conversation_info info) {
      return reply(to, parts.headers, to_json(info, id));
    };
  }

  kj::Promise<void> list() {
    query q{request_.query};
    auto limit = std::max(1u, q.number("limit", page_usual, page_max));
    auto order = q.text("order");
    if (!order.empty() && order != "name" && order != "used")
      throw error{.status = 400, .message = "the order is name or used", .param = "order", .code = {}};
    if (order == "used" && !q.text("after").empty())
      throw error{.status = 400, .message = "after goes with the order of names", .param = "after", .code = {}};
    auto found = order == "used" ? ask<conversation_list>(atom::list_v, request_.tenant, limit + 1)
                                 : ask<conversation_list>(atom::list_v, request_.tenant, q.text("after"), limit + 1);
    return found.then([&parts = parts_, &to = to_, limit](conversation_list all) {
      json content{{"object", "list"}, {"data", json::array()}, {"has_more", all.size() > limit}};
      for (std::size_t i = 0; i < std::min<std::size_t>(limit, all.size()); ++i)
        content["data"].push_back({{"id", all[i].id},
                                   {"object", "conversation"},
                                   {"messages", all[i].messages},
                                   {"last_role", all[i].last_role},
                                   {"damaged", all[i].damaged}});
      return reply(to, parts.headers, content);
    });
  }

  kj::Promise<void> show(const conversation_ref& which) {
    return ask<transcript>(atom::read_v, which, 0u, 0u)  // opening would make one that is not there
        .then([context = &parts_.context, which](transcript) {
          return rpc::ask<conversation_info>(context->system, context->gateway, atom::open_v, which, std::string{});
        })
        .then(show_info(which.id));
  }

  kj::Promise<void> read(const conversation_ref& which) {
    query q{request_.query};
    auto first = q.number("first", 0, ~0u), limit = q.number("limit", page_max, page_max);
    return ask<transcript>(atom::read_v, which, first, limit).then([&parts = parts_, &to = to_](transcript said) {
      json content{{"object", "list"}, {"data", json::array()}, {"first", said.first}, {"total", said.total}};
      for (const auto& m : said.messages) content["data"].push_back({{"role", m.role}, {"content", m.content}});
      return reply(to, parts.headers, content);
    });
  }

  kj::Promise<void> forget(const conversation_ref& which) {
    return ask<transcript>(atom::read_v, which, 0u, 0u)
        .then([context = &parts_.context, which](transcript) {
          return rpc::ask<void>(context->system, context->gateway, atom::forget_v, which);
        })
        .then([&parts = parts_, &to = to_, id = which.id] {
          return reply(to, parts.headers, json{{"id", id}, {"object", "conversation.deleted"}, {"deleted", true}});
        });
  }

  kj::Promise<void> fork(const conversation_ref& which) {
    auto content = parse_object(request_.body);
    fields body{content, {}};
    auto id = body.text("id");
    if (id.empty()) id = rpc::random_name();
    auto messages = static_cast<std::uint32_t>(body.whole("messages", 0, all_messages, all_messages));
    return ask<conversation_info>(atom::fork_v, which, id, messages).then(show_info(id));
  }

  kj::Promise<void> truncate(const conversation_ref& which) {
    auto content = parse_object(request_.body);
    fields body{content, {}};
    auto protect = static_cast<std::uint32_t>(body.whole("protect_tokens", 0, ~0u, 0));
    return ask<conversation_info>(atom::truncate_v, which, protect, body.number("ratio", 0, 1, 0.5))
        .then(show_info(which.id));
  }

  const service_parts& parts_;
  const conversations_request& request_;  ///< read before answer() returns
  kj::HttpService::Response& to_;
};

}  // namespace

kj::Promise<void> answer_conversations(const service_parts& parts, const conversations_request& request,
                                       kj::HttpService::Response& to) {
  return answering_conversations{parts, request, to}.answer();
}

}  // namespace chromatin::http

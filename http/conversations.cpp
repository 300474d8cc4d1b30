#include "http/conversations.hpp"

#include <algorithm>

#include "http/answer_fields.hpp"
#include "http/limits.hpp"
#include "http/message_fields.hpp"
#include "http/message_items.hpp"
#include "http/metadata.hpp"
#include "http/query.hpp"
#include "http/reply.hpp"
#include "http/spoken.hpp"
#include "http/state.hpp"
#include "http/transcripts.hpp"
#include "rpc/answering.hpp"
#include "rpc/ask.hpp"

namespace chromatin::http {
namespace {

using nlohmann::ordered_json;

constexpr std::uint32_t page_usual = 20, page_max = 100;

/// As OpenAI has it, and what more there is to tell.
ordered_json conversation_object(const std::string& id, const conversation_label& label, const ordered_json& more) {
  auto metadata = ordered_json::parse(label.metadata, nullptr, false);
  ordered_json content{{"id", id},
                       {"object", "conversation"},
                       {"created_at", label.created_s},
                       {"metadata", metadata.is_object() ? metadata : ordered_json::object()}};
  content.update(more);
  return content;
}

ordered_json info_object(const conversation_info& info, const conversation_label& label, const std::string& id) {
  return conversation_object(
      id, label, {{"messages", info.messages}, {"tokens", info.tokens}, {"context_tokens", info.context_tokens}});
}

ordered_json to_list_entry(const conversation_info& info) {
  return conversation_object(info.id, {info.created_s, info.metadata},
                             {{"messages", info.messages}, {"last_role", info.last_role}, {"damaged", info.damaged}});
}

/// Whether it may have ended before the last conversation.
bool fills_a_list(const conversation_list& all) {
  std::size_t bytes = 0;
  for (const auto& one : all) bytes += one.metadata.size();
  return bytes >= list_bytes_max;
}

ordered_json ticket_object(const archive_ticket& ticket) {
  return {{"object", "archive.ticket"},
          {"number", ticket.number},
          {"conversation", ticket.id},
          {"state", ticket.state},
          {"expected_at", ticket.expected_s > 0 ? ordered_json(ticket.expected_s) : ordered_json(nullptr)},
          {"left_s", ticket.left_s > 0 ? ordered_json(ticket.left_s) : ordered_json(nullptr)},
          {"reads", ticket.reads},
          {"blocks_missing", ticket.blocks_missing},
          {"reads_more", ticket.reads_more},
          {"failure", ticket.failure},
          {"note", ticket.note},
          {"simulated", ticket.simulated},
          {"kv", ticket.kv}};
}

/// What a new conversation begins with: nothing, or instructions.
std::string system_prompt_of(const fields& body) {
  const auto* items = body.find("items");
  if (!items) return {};
  if (!items->is_array()) wrong("items", "items must be a list");
  if (items->empty()) return {};
  auto first = read_message(items->front(), "items[0]");
  if (items->size() > 1 || first.role != "system")
    wrong("items", "items may have one message, of role system or developer; all others are said with a response");
  return first.content;
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
    if (id.empty()) return request_.method == method::POST ? make() : list();
    if (action.empty() && request_.method == method::POST) return update(which);
    if (action.empty()) return request_.method == method::DELETE ? forget(which) : show(which);
    if (action == "messages") return read(which);
    if (action == "archive") return ticket(atom::archive_v, which);
    if (action == "recall") return ticket(atom::recall_v, which);
    if (action == "chunks") return answer_chunks(parts_, which, to_);
    if (action == "items") return list_items(which);
    constexpr std::string_view item = "items/";
    if (action.starts_with(item)) return show_item(which, action.substr(item.size()));
    return action == "fork" ? fork(which) : truncate(which);
  }

 private:
  /// No body says nothing, as {} does.
  nlohmann::json given() const { return parse_object(request_.body.empty() ? "{}" : request_.body); }

  template <class T, class... Message>
  kj::Promise<T> ask(Message... message) {
    return rpc::ask<T>(parts_.context.system, parts_.context.gateway, std::move(message)...);
  }
  /// Writes what a conversation is.
  auto show_info(conversation_ref which) {
    return [&parts = parts_, &to = to_, which = std::move(which)](conversation_info info) {
      return label_of(parts, which).then([&parts, &to, id = which.id, info](const conversation_label& label) {
        return reply(to, parts.headers, info_object(info, label, id));
      });
    };
  }
  /// A conversation that is not there is an error.
  static kj::Promise<conversation_label> label_of(const service_parts& parts, const conversation_ref& which) {
    return rpc::ask<conversation_label>(parts.context.system, parts.context.gateway, atom::label_v, which);
  }
  static kj::Promise<conversation_label> put_metadata(const service_parts& parts, const conversation_ref& which,
                                                      const nlohmann::json& metadata) {
    return rpc::ask<conversation_label>(parts.context.system, parts.context.gateway, atom::label_v, which,
                                        metadata.dump());
  }

  kj::Promise<void> make() {
    auto content = given();
    fields body{content, {}};
    auto metadata = read_metadata(body);
    auto system_prompt = system_prompt_of(body);
    conversation_ref which{request_.tenant, "conv_" + rpc::random_name(), read_salt(body)};
    auto made = ask<conversation_info>(atom::open_v, which, system_prompt);
    return made
        .then([&parts = parts_, which, metadata](conversation_info info) {
          if (metadata.empty()) return kj::Promise<conversation_info>{std::move(info)};
          return put_metadata(parts, which, metadata).then([info](const conversation_label&) { return info; });
        })
        .then(show_info(which))
        .catch_([&parts = parts_, &to = to_](kj::Exception&& failure) -> kj::Promise<void> {
          if (failure.getType() == kj::Exception::Type::DISCONNECTED) return kj::mv(failure);
          return reply(to, parts.headers, with_messages_called(error_of(failure), "items"));
        });
  }

  kj::Promise<void> list() {
    query q{request_.query};
    auto limit = q.number("limit", page_usual, 1, page_max);
    auto order = q.text("order");
    if (!order.empty() && order != "name" && order != "used")
      throw error{.status = 400, .message = "the order is name or used", .param = "order", .code = {}};
    if (order == "used" && !q.text("after").empty())
      throw error{.status = 400, .message = "after goes with the order of names", .param = "after", .code = {}};
    auto found = order == "used" ? ask<conversation_list>(atom::list_v, request_.tenant, limit + 1)
                                 : ask<conversation_list>(atom::list_v, request_.tenant, q.text("after"), limit + 1);
    return found.then([&parts = parts_, &to = to_, limit](conversation_list all) {
      bool more = all.size() > limit || fills_a_list(all);
      if (all.size() > limit) all.resize(limit);
      ordered_json content{{"object", "list"}, {"data", ordered_json::array()}, {"has_more", more}};
      for (const auto& one : all) content["data"].push_back(to_list_entry(one));
      return reply(to, parts.headers, content);
    });
  }
  kj::Promise<void> show(const conversation_ref& which) { return show_labelled(label_of(parts_, which), which); }
  kj::Promise<void> update(const conversation_ref& which) {
    auto content = given();
    fields body{content, {}};
    if (!body.find("metadata")) wrong("metadata", "metadata is missing");
    return show_labelled(put_metadata(parts_, which, read_metadata(body)), which);
  }
  /// Behind an answer that says that it is there: opening would make one that is not.
  kj::Promise<void> show_labelled(kj::Promise<conversation_label> there, const conversation_ref& which) {
    return there.then([&parts = parts_, &to = to_, which](conversation_label label) {
      return rpc::ask<conversation_info>(parts.context.system, parts.context.gateway, atom::open_v, which,
                                         std::string{})
          .then([&parts, &to, label, id = which.id](const conversation_info& info) {
            return reply(to, parts.headers, info_object(info, label, id));
          });
    });
  }

  kj::Promise<void> read(const conversation_ref& which) {
    query q{request_.query};
    auto first = q.number("first", 0, 0, ~0u), limit = q.number("limit", page_max, 0, page_max);
    return ask<transcript>(atom::read_v, which, first, limit).then([&parts = parts_, &to = to_](transcript said) {
      ordered_json content{
          {"object", "list"}, {"data", ordered_json::array()}, {"first", said.first}, {"total", said.total}};
      for (const auto& m : said.messages) content["data"].push_back({{"role", m.role}, {"content", m.content}});
      return reply(to, parts.headers, content);
    });
  }

  /// OpenAI's list of messages: the last one first, unless `order` is "asc".
  kj::Promise<void> list_items(const conversation_ref& which) {
    query q{request_.query};
    auto limit = q.number("limit", page_usual, 1, page_max);
    auto order = q.text("order"), after = q.text("after");
    if (!order.empty() && order != "asc" && order != "desc") wrong("order", "order must be asc or desc");
    auto behind = number_of_item(after);
    if (!after.empty() && !behind) wrong("after", "after must be an item's id");
    bool up = order == "asc";
    return ask<transcript>(atom::read_v, which, 0u, 0u)
        .then([&parts = parts_, which, up, behind, limit](transcript all) {
          auto end = up ? all.total : std::min(behind.value_or(all.total), all.total);
          auto first = up ? (behind ? std::min(*behind, all.total - 1) + 1 : 0) : end - std::min(end, limit);
          end = std::min(end, first + limit);
          return read_messages_of(parts, which, end, first)
              .then([up, first, more = up ? end < all.total : first > 0](message_list said) {
                std::vector<ordered_json> items;
                for (std::uint32_t i = 0; i < said.size(); ++i) items.push_back(item_of(said[i], first + i));
                if (!up) std::ranges::reverse(items);
                return page_of(std::move(items), more);
              });
        })
        .then([&parts = parts_, &to = to_](ordered_json page) { return reply(to, parts.headers, page); });
  }

  static error no_item(const std::string& id) {
    return {.status = 404, .message = "there is no item " + id, .param = {}, .code = "not_found"};
  }

  kj::Promise<void> show_item(const conversation_ref& which, const std::string& id) {
    auto number = number_of_item(id);
    if (!number) throw no_item(id);
    return ask<transcript>(atom::read_v, which, *number, 1u)
        .then([&parts = parts_, &to = to_, id, number = *number](transcript said) {
          if (said.messages.empty()) return reply(to, parts.headers, no_item(id));
          return reply(to, parts.headers, item_of(said.messages.front(), number));
        });
  }

  /// One whose first turn is under way is not there yet, and would be there after it: it is busy, as others are.
  kj::Promise<void> forget(const conversation_ref& which) {
    return ask<transcript>(atom::read_v, which, 0u, 0u)
        .then([](transcript) -> kj::Maybe<kj::Exception> { return nullptr; },
              [](kj::Exception&& failure) -> kj::Maybe<kj::Exception> {
                auto code = error_of(failure).code;
                if (code == "archived") return nullptr;  // what is in DNA can be forgotten, too
                if (code != "no_conversation") kj::throwFatalException(kj::mv(failure));
                return kj::mv(failure);
              })
        .then([context = &parts_.context, which](kj::Maybe<kj::Exception> absent) {
          return rpc::ask<void>(context->system, context->gateway, atom::forget_v, which)
              .then([absent = kj::mv(absent)] {
                KJ_IF_MAYBE (why, absent) kj::throwFatalException(kj::cp(*why));
              });
        })
        .then([&parts = parts_, &to = to_, id = which.id] {
          return reply(to, parts.headers,
                       ordered_json{{"id", id}, {"object", "conversation.deleted"}, {"deleted", true}});
        });
  }

  kj::Promise<void> fork(const conversation_ref& which) {
    auto content = given();
    fields body{content, {}};
    auto id = body.text("id");
    if (id.empty()) id = rpc::random_name();
    check_name("id", id);
    auto messages = static_cast<std::uint32_t>(body.whole("messages", 0, all_messages, all_messages));
    return ask<conversation_info>(atom::fork_v, which, id, messages).then(show_info({which.tenant, id}));
  }

  template <class Verb>
  kj::Promise<void> ticket(Verb verb, const conversation_ref& which) {
    auto content = given();
    const bool kv = fields{content, {}}.flag("kv");
    return ask<archive_ticket>(verb, which, kv).then([&parts = parts_, &to = to_](archive_ticket made) {
      return reply(to, parts.headers, ticket_object(made));
    });
  }

  kj::Promise<void> truncate(const conversation_ref& which) {
    auto content = given();
    fields body{content, {}};
    auto protect = static_cast<std::uint32_t>(body.whole("protect_tokens", 0, ~0u, 0));
    auto ratio = body.number("ratio", 0, 1, 0.5);
    if (ratio == 0) wrong("ratio", "ratio must be above 0");
    return ask<conversation_info>(atom::truncate_v, which, protect, ratio).then(show_info(which));
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

kj::Promise<void> answer_archives(const service_parts& parts, const std::string& tenant,
                                  kj::HttpService::Response& to) {
  return rpc::ask<archive_tickets>(parts.context.system, parts.context.gateway, atom::archive_v, atom::list_v, tenant)
      .then([&parts, &to](archive_tickets all) {
        ordered_json content{{"object", "list"}, {"data", ordered_json::array()}};
        for (const auto& ticket : all) content["data"].push_back(ticket_object(ticket));
        return reply(to, parts.headers, content);
      });
}

}  // namespace chromatin::http

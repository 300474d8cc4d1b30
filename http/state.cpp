#include "http/state.hpp"

#include <chrono>

#include "http/reply.hpp"
#include "kv/chunk.hpp"
#include "rpc/ask.hpp"

namespace chromatin::http {
namespace {

using nlohmann::ordered_json;

const char* name_of(turn_view::phase at) {
  switch (at) {
    case turn_view::phase::waiting:
      return "waiting";
    case turn_view::phase::loading:
      return "loading";
    case turn_view::phase::prefill:
      return "prefill";
    case turn_view::phase::decode:
      return "decode";
  }
  return "";
}

ordered_json turn_object(const turn_view& turn) {
  return {{"tenant", turn.conversation.tenant},
          {"conversation", turn.conversation.id},
          {"phase", name_of(turn.at)},
          {"priority", turn.priority},
          {"window_tokens", turn.window_tokens},
          {"computed_tokens", turn.computed_tokens},
          {"expected_chunks", turn.expected_chunks},
          {"answer_tokens", turn.answer_tokens},
          {"since_us", turn.since_us}};
}

ordered_json counters_object(const std::vector<counters>& parts) {
  ordered_json all = ordered_json::object();
  for (const auto& part : parts) {
    auto& values = all[part.part] = ordered_json::object();
    for (const auto& [name, value] : part.values) values[name] = value;
    if (!part.notes.empty()) values["notes"] = part.notes;
  }
  return all;
}

std::int64_t now_us() {
  auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

/// "host" of "host-tier".
std::string short_name(std::string tier) {
  constexpr std::string_view end = "-tier";
  if (tier.ends_with(end)) tier.resize(tier.size() - end.size());
  return tier;
}

}  // namespace

ordered_json rows_of(const chunk_places& places, std::size_t chunks) {
  ordered_json rows = ordered_json::array();
  for (std::size_t i = 0; i < chunks; ++i) {
    ordered_json tier = nullptr;
    bool coming = false;
    for (const auto& place : places) {
      auto there = place.chunks.at(i);
      coming = coming || there == chunk_presence::coming;
      if (there != chunk_presence::here) continue;
      tier = short_name(place.tier);
      break;
    }
    if (!rows.empty() && rows.back()["tier"] == tier && rows.back()["coming"] == coming)
      rows.back()["chunks"] = rows.back()["chunks"].get<std::size_t>() + 1;
    else
      rows.push_back({{"tier", tier}, {"coming", coming}, {"chunks", 1}});
  }
  return rows;
}

kj::Promise<void> answer_state(const service_parts& parts, const rpc::caller& who, kj::HttpService::Response& to) {
  if (!who.sees_all)
    throw error{
        .status = 401, .message = "the state needs an operator's token", .param = {}, .code = "invalid_api_key"};
  return rpc::counters_of_all(parts.context).then([&parts, &to](std::vector<counters> counted) {
    auto& context = parts.context;
    return rpc::ask<turn_views>(context.system, context.gateway, atom::list_v)
        .then([&parts, &to, counted = std::move(counted)](const turn_views& turns) {
          ordered_json list = ordered_json::array();
          for (const auto& turn : turns) list.push_back(turn_object(turn));
          return reply(to, parts.headers,
                       ordered_json{{"object", "state"},
                                    {"version", CHROMATIN_VERSION},
                                    {"model", parts.checkpoint.name},
                                    {"context_tokens", parts.checkpoint.config.context},
                                    {"chunk_tokens", kv::tokens_per_chunk},
                                    {"now_us", now_us()},
                                    {"parts", counters_object(counted)},
                                    {"turns", std::move(list)}});
        });
  });
}

kj::Promise<void> answer_chunks(const service_parts& parts, const conversation_ref& which,
                                kj::HttpService::Response& to) {
  auto& context = parts.context;
  return rpc::ask<key_list>(context.system, context.gateway, atom::lookup_v, which)
      .then([&parts, &context, &to](key_list keys) {
        auto count = keys.size();
        return rpc::ask<chunk_places>(context.system, context.telemetry, atom::lookup_v, std::move(keys))
            .then([&parts, &to, count](const chunk_places& places) {
              return reply(to, parts.headers,
                           ordered_json{{"object", "list"},
                                        {"chunk_tokens", kv::tokens_per_chunk},
                                        {"chunks", count},
                                        {"data", rows_of(places, count)}});
            });
      });
}

}  // namespace chromatin::http

#pragma once

/// What the page at / shows of the server at the moment, as JSON for any program. Event loop thread only.

#include <nlohmann/json.hpp>

#include "http/service.hpp"

namespace chromatin::http {

/// GET /state: every part's counters, and the turns that run and wait in their order. An operator's.
kj::Promise<void> answer_state(const service_parts& parts, const rpc::caller& who, kj::HttpService::Response& to);

/// GET /v1/conversations/NAME/chunks: which tier has the chunks of its window.
kj::Promise<void> answer_chunks(const service_parts& parts, const conversation_ref& which,
                                kj::HttpService::Response& to);

/// The highest tier that has each chunk, chunks that are alike in a row told together: [{"tier": "host", "coming":
/// false, "chunks": 3}, …]. "coming": it is on its way to a higher one, or to its first. The tier is null where none
/// has it. Pure.
nlohmann::ordered_json rows_of(const chunk_places& places, std::size_t chunks);

}  // namespace chromatin::http

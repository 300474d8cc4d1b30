#pragma once

/// The endpoints, for one connection. Event loop thread only.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <kj/compat/http.h>

#include "http/bounded_stream.hpp"
#include "http/error.hpp"
#include "http/turnstile.hpp"
#include "model/checkpoint.hpp"
#include "rpc/door.hpp"
#include "rpc/service.hpp"

namespace chromatin::http {

/// What all connections share.
struct service_parts {
  rpc::service_context& context;
  const kj::HttpHeaderTable& headers;
  kj::HttpHeaderId authorization, origin, wanted_headers, expect, content_encoding;
  const model::checkpoint& checkpoint;
  turnstile& tokenizing;             ///< for those who only ask for it
  std::vector<std::string> origins;  ///< of other sites whose pages are served
};

/// What the door refused.
error refused(const rpc::refusal& why, unsigned status);

/// `account` is null for a connection that has no place: it is told `why` whatever it asks. `stream` is the connection,
/// whose end cancels what is under way. `close_behind_answer` is called, perhaps more than once, when it is to be
/// closed with the answer that comes next.
kj::Own<kj::HttpService> make_service(const service_parts& parts, std::shared_ptr<rpc::connection_account> account,
                                      rpc::refusal why, bounded_stream& stream,
                                      std::function<void()> close_behind_answer);

}  // namespace chromatin::http

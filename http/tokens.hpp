#pragma once

/// POST /tokenize and /detokenize, in llama.cpp's shape. Event loop thread only; the work is done in a thread of its
/// own.

#include <string>

#include "http/service.hpp"

namespace chromatin::http {

/// `{"content": TEXT, "add_special": false, "with_pieces": false}` to `{"tokens": […]}`. Text never becomes a control
/// token. Throws error.
kj::Promise<void> tokenize(const service_parts& parts, std::string_view body, kj::HttpService::Response& to);

/// `{"tokens": […]}` to `{"content": TEXT}`. Throws error.
kj::Promise<void> detokenize(const service_parts& parts, std::string_view body, kj::HttpService::Response& to);

}  // namespace chromatin::http

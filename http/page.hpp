#pragma once

/// The page at /: a chat and a live view of the server, for people. Its files (http/page) are part of the program; they
/// ask for nothing from elsewhere, and hold nothing that needs a token. Event loop thread only.

#include <span>
#include <string_view>

#include "http/service.hpp"

namespace chromatin::http {

struct page_file {
  std::string_view path, type, content;
};

/// All of them.
std::span<const page_file> page_files();

/// Null: no file of the page has this path.
const page_file* find_page_file(std::string_view path);

kj::Promise<void> answer_page(const service_parts& parts, const page_file& file, kj::HttpService::Response& to);

}  // namespace chromatin::http

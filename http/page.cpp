#include "http/page.hpp"

#include <algorithm>

#include "http/reply.hpp"

namespace chromatin::http {

const page_file* find_page_file(std::string_view path) {
  auto files = page_files();
  auto found = std::ranges::find(files, path, &page_file::path);
  return found == files.end() ? nullptr : &*found;
}

kj::Promise<void> answer_page(const service_parts& parts, const page_file& file, kj::HttpService::Response& to) {
  // Whatever a conversation says is shown as text; should that ever fail, it can load and reach nothing.
  static const more_headers careful{
      {"content-security-policy",
       "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
       "form-action 'none'; frame-ancestors 'none'"},
      {"x-content-type-options", "nosniff"},
      {"referrer-policy", "no-referrer"},
      {"cache-control", "no-cache"}};  // a new version of the program has a new page
  return reply(to, parts.headers, 200, file.type.data(), std::string{file.content}, careful);
}

}  // namespace chromatin::http

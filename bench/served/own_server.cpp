#include "bench/served/own_server.hpp"

#include <stdexcept>

namespace chromatin::bench {
namespace {

std::vector<std::string> serve_words(const std::vector<std::string>& options) {
  std::vector<std::string> words{"/proc/self/exe", "serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"};
  words.insert(words.end(), options.begin(), options.end());
  return words;
}

}  // namespace

own_server::own_server(const std::filesystem::path& folder, const std::vector<std::string>& options)
    : process_{serve_words(options), folder / "log"},
      rpc_{address("listening on ")},
      http_{address("OpenAI's interface on http://")} {
  http_.erase(http_.find('/'));
}

std::string own_server::address(const std::string& mark) {
  auto found = process_.wait_for(mark, std::chrono::minutes{5});
  if (!found) throw std::runtime_error("a server did not start: " + process_.said());
  return *found;
}

}  // namespace chromatin::bench

#include "bench/served/llama_server.hpp"

#include <stdexcept>
#include <thread>

#include "bench/served/connection.hpp"

namespace chromatin::bench {
namespace {

llama_serving at(llama_serving how, const std::string& address) {
  how.address = address;
  return how;
}

}  // namespace

llama_server::llama_server(const llama_cpp& peer, const std::string& model, llama_serving how,
                           const std::filesystem::path& log)
    : address_{free_address()}, process_{peer.serve(model, at(std::move(how), address_)), log} {
  while (!is_served(address_, "/health")) {
    if (process_.ended()) throw std::runtime_error("llama-server ended at its start: " + process_.said());
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
}

}  // namespace chromatin::bench

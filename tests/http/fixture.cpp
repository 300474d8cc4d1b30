#include "tests/http/fixture.hpp"

#include <caf/scoped_actor.hpp>

#include "actors/launch.hpp"
#include "http/server.hpp"
#include "rpc/server.hpp"

namespace chromatin::test {

HttpServer::HttpServer() = default;
HttpServer::~HttpServer() { stop(); }

void HttpServer::start(const rpc::token_list& tokens, const std::function<void(rpc::door_limits&)>& change) {
  archive_options archive;
  if (archive_) {
    archive.folder = folder_.path() / "dna";
    archive.pool_window = archive.synthesis_time = archive.sequencing_time = std::chrono::seconds{1};
  }
  system_ = std::make_unique<running_system>(system_options{.model = CHROMATIN_SOURCE_DIR "/assets/concierge",
                                                            .disk = folder_.path() / "store",
                                                            .deterministic = deterministic_,
                                                            .archive = archive});
  rpc::server_options options{.listen = {"127.0.0.1:0"}, .tokens = tokens};
  options.limits.call_bytes_max = 1 << 20;
  if (change) change(options.limits);
  options.beside = [this](rpc::server_loop& loop) {
    auto at =
        http::serve(loop, {.listen = {"127.0.0.1:0"}, .checkpoint = system_->checkpoint(), .origins = origins_}).at(0);
    port_ = static_cast<std::uint16_t>(std::stoi(at.substr(at.rfind(':') + 1)));
  };
  server_ = std::make_unique<rpc::server>(system_->actors(), system_->gateway(), system_->telemetry(),
                                          system_->supervisor(), options);
}

void HttpServer::stop() {
  server_.reset();
  system_.reset();
}

const model::checkpoint& HttpServer::checkpoint() const { return system_->checkpoint(); }

std::size_t HttpServer::conversations(const std::string& tenant) {
  std::size_t count = 0;
  caf::scoped_actor self{system_->actors()};
  self->request(system_->gateway(), caf::infinite, atom::list_v, tenant, std::string{}, std::uint32_t{100})
      .receive([&](const conversation_list& all) { count = all.size(); }, [](const caf::error&) {});
  return count;
}

std::int64_t HttpServer::gateway_counter(const std::string& name) {
  std::int64_t result = -1;
  caf::scoped_actor self{system_->actors()};
  self->request(system_->gateway(), caf::infinite, atom::stats_v)
      .receive(
          [&](const counters& c) {
            for (const auto& [key, value] : c.values)
              if (key == name) result = value;
          },
          [](const caf::error&) {});
  return result;
}

json HttpServer::endless(std::uint32_t tokens) const {
  return {{"messages", {message("user", taxi)}},
          {"stream", true},
          {"max_tokens", tokens},
          {"logit_bias", {{std::to_string(checkpoint().chat.answer_end()), -100}}}};
}

}  // namespace chromatin::test

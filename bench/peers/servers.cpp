// Both servers on the same file: how soon they are ready and answer, and how much memory they take.

#include <memory>

#include <fmt/format.h>

#include "bench/checkpoints.hpp"
#include "bench/measure.hpp"
#include "bench/peers/parts.hpp"
#include "bench/served/chat.hpp"
#include "bench/served/llama_server.hpp"
#include "bench/served/own_server.hpp"
#include "io/progress.hpp"
#include "io/temporary_folder.hpp"

namespace chromatin::bench {
namespace {

constexpr std::uint32_t peers_window = 4096, peers_answer_tokens = 8;
constexpr std::uint64_t host_bytes = std::uint64_t{64} << 20;

struct server_figures {
  std::vector<double> ready_s, token_s, peak_bytes;  ///< from the start to ready, and to the first token
};

/// A prompt of some hundred tokens, so that what a step needs is in use.
void use(const std::string& address) {
  std::string text = "Tell me more.";
  for (int i = 0; i < 24; ++i) text += " there was a house by the sea, and who lived in it";
  chat_client{address}.say({{"user", text}}, peers_answer_tokens);
}

template <class Start>
void measure(server_figures& figures, Start start) {
  decltype(start()) server;
  figures.ready_s.push_back(seconds_of([&] { server = start(); }));
  // At once: what a server puts off until after it is ready shows here.
  auto first = chat_client{server->http()}.say({{"user", "Tell me more."}}, peers_answer_tokens);
  figures.token_s.push_back(figures.ready_s.back() + first.first_s);
  use(server->http());
  figures.peak_bytes.push_back(static_cast<double>(peak_memory_bytes(server->pid())));
}

}  // namespace

void compare_servers(peers_table& table, const peers_flags& f, const llama_cpp& peer, const std::string& model,
                     const peers_file& file) {
  io::temporary_folder folder{f.work};
  auto path = peer.file(model);
  auto page_bytes = model::checkpoint::open(path)->config.cache_geometry(gpu::best_compute_type()).chunk_bytes();
  auto device_bytes = kv::chunks_for(peers_window) * page_bytes;
  std::vector<std::string> options{"--model",      path,
                                   "--threads",    std::to_string(f.threads),
                                   "--context",    std::to_string(peers_window),
                                   "--device-mem", std::to_string(device_bytes),
                                   "--host-mem",   std::to_string(host_bytes),
                                   "--disk-size",  "1G",
                                   "--disk",       folder.path() / "store"};
  llama_serving serving{.address = {}, .threads = f.threads, .slots = 1, .slot_tokens = peers_window};
  server_figures theirs, ours;
  io::waiting(file.name() + "servers", [&] {
    for (int i = 0; i < f.rounds; ++i) {
      measure(theirs, [&] { return std::make_unique<llama_server>(peer, model, serving, folder.path() / "theirs"); });
      measure(ours, [&] { return std::make_unique<own_server>(folder.path(), options); });
    }
  });
  auto own_s = median(ours.ready_s), their_s = median(theirs.ready_s);
  if (f.wants_figure("start")) {
    table.at_most(file.name() + "start to ready", "{:.2f} s", their_s, own_s, own_s / their_s, 1);
    auto own_token_s = median(ours.token_s), their_token_s = median(theirs.token_s);
    table.at_most(file.name() + "start to first token", "{:.2f} s", their_token_s, own_token_s,
                  own_token_s / their_token_s, 1);
  }
  if (!f.wants_figure("memory")) return;
  auto kept = static_cast<double>(std::filesystem::file_size(path) + device_bytes + host_bytes);
  auto gib = [](double bytes) { return bytes / (1 << 30); };
  auto own_bytes = median(ours.peak_bytes), their_bytes = median(theirs.peak_bytes);
  table.at_most(file.name() + "memory over file + arenas", "{:.2f} GiB", gib(their_bytes), gib(own_bytes),
                own_bytes / kept, 1.1);
}

}  // namespace chromatin::bench

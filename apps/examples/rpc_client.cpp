/// A program of one's own that talks to a chromatin server: rpc_client ADDRESS TEXT…
/// It is built against the installed package (CMakeLists.txt beside it).

#include <cstdio>

#include <chromatin/rpc/client.hpp>

int main(int argc, char** argv) try {
  if (argc < 3) {
    std::fprintf(stderr, "usage: rpc_client HOST:PORT|unix:PATH TEXT...\n");
    return 2;
  }
  chromatin::rpc::client client{argv[1]};
  auto conversation = client.open();  // a new one; the server keeps it, and what was computed of it
  for (int i = 2; i < argc; ++i) {
    auto turn = conversation.say({.text = argv[i]}, [](std::string_view piece) {
      std::printf("%.*s", static_cast<int>(piece.size()), piece.data());
      std::fflush(stdout);
    });
    std::printf("\n[%u tokens of history and message, %u of them computed]\n", turn.server.prompt_tokens,
                turn.server.computed_tokens);
  }
  return 0;
} catch (const chromatin::rpc::call_error& e) {
  std::fprintf(stderr, "rpc_client: %s\n", e.what());
  return 1;
}

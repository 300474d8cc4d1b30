#include "bench/engine.hpp"
#include "bench/peers/parts.hpp"

namespace chromatin::bench {

double warm_prefill(engine& e, std::uint32_t depth) {
  e.prefill_s(peers_prompt, depth);
  return peers_prompt / e.prefill_s(peers_prompt, depth);
}

double decode_speeds::measure(engine& e, std::uint32_t generate) {
  one.push_back(generate / e.decode_s(generate));
  batch.push_back(peers_batch * generate / e.decode_s(generate, peers_batch));
  return one.back();
}

}  // namespace chromatin::bench

#pragma once

/// What every request for answers may say, whatever it asks for. Pure.

#include <cstdint>
#include <string>
#include <vector>

#include "http/fields.hpp"
#include "kv/eviction.hpp"
#include "model/sampler.hpp"

namespace chromatin::http {

/// What a request does not say by itself.
struct reading {
  std::uint64_t seed = 0;        ///< taken where none is given
  std::uint32_t vocabulary = 0;  ///< tokens that the model has
};

struct answer_request {
  std::string model;         ///< empty: whatever is served
  model::sampling sampling;  ///< tokens_max 0: not said
  std::uint32_t n = 1;       ///< choices; each has the seed after that of the one before
  bool stream = false;
  bool include_usage = false;  ///< in a stream, as its last chunk
  std::uint8_t priority = 50;  ///< an extension, and so is the next
  kv::retention keep;          ///< `ttl` in seconds: the cache is kept with its priority
  std::string cache_salt;      ///< as in vLLM: nothing is found or reused that was not said under the same one
};

/// All but log-probabilities, which endpoints ask for in different ways: whoever has read these, too, checks the
/// sampling (limits.hpp). Throws error.
answer_request read_answer_fields(const fields& body, const reading& with);

/// How tokens are chosen: temperature, top_p, top_k, min_p, penalties, logit_bias, seed. Throws error.
model::sampling read_sampling(const fields& body, const reading& with);

/// What separates the caches of a tenant's own users. Throws error.
std::string read_salt(const fields& body);

/// A list of tokens that the model has. Throws error.
std::vector<kv::token_id> read_tokens(const nlohmann::json& value, const std::string& path, const reading& with);

}  // namespace chromatin::http

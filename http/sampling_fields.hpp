#pragma once

/// How tokens are chosen, as every endpoint that answers understands it. Pure.

#include <cstdint>

#include "http/fields.hpp"
#include "model/sampler.hpp"

namespace chromatin::http {

/// What a request does not say by itself.
struct reading {
  std::uint64_t seed = 0;        ///< taken where none is given
  std::uint32_t vocabulary = 0;  ///< tokens that the model has
};

/// temperature, top_p, top_k, min_p, penalties, logit_bias, seed and stop. Throws error.
model::sampling read_sampling(const fields& body, const reading& with);

}  // namespace chromatin::http

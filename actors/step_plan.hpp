#pragma once

/// Who takes part in the next step, and with how many tokens (iteration-level batching with chunked prefill). Pure.

#include <cstdint>
#include <vector>

#include "actors/pace.hpp"
#include "actors/sequence.hpp"

namespace chromatin {

struct planned_part {
  turn_id turn = 0;
  std::uint32_t tokens = 0;
};

/// Of the running sequences, in any order: who decodes has one token each; prompts share what is left of `tokens_max`,
/// so that a long one does not hold up the others. A sequence whose load would hold up the others is left out, unless
/// nobody else can go on.
std::vector<planned_part> plan_step(std::vector<sequence*> running, std::uint32_t tokens_max, const pace& speed,
                                    std::uint32_t context, caf::actor_clock::time_point now);

/// Decode steps that the device may take by itself with these sequences: no chunk is filled up, no answer passes its
/// length or its window, and newcomers do not wait long. 1 unless all of them decode.
std::uint32_t decode_burst(const std::vector<const sequence*>& sequences, const pace& speed, std::uint32_t context);

}  // namespace chromatin

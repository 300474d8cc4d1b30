#pragma once

/// One step from begin to end, for measurements and tests that have nothing else to do meanwhile.

#include <vector>

#include "gpu/backend.hpp"

namespace chromatin::gpu {

/// Waits for the step. Throws std::runtime_error when the device fails.
std::vector<sequence_result> run_step(backend& on, step_batch batch);

}  // namespace chromatin::gpu

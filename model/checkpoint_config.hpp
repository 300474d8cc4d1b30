#pragma once

/// The config.json of a made checkpoint.

#include <string>

#include "model/checkpoint_shapes.hpp"

namespace chromatin::model {

std::string config_text(const checkpoint_shape& shape);

/// Around which its norms' weights lie, so that their gains lie around one.
inline float mean_of_norms(const config& c) { return c.gain_plus_one ? 0.0f : 1.0f; }

}  // namespace chromatin::model

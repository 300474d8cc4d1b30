#pragma once

/// The options of everything that starts a system of its own: serve and replay.

#include <CLI/CLI.hpp>

#include "actors/launch.hpp"

namespace chromatin {

/// The embedded model's folder: beside the installed binary, or in the source tree. Empty if it is in neither place.
std::filesystem::path embedded_model();

/// Adds what says how a model is computed and what lies where: --backend, --device-mem, --weights, …
void add_memory_flags(CLI::App& command, system_options& options);

/// Adds --model, these, and all others to a command; they are written to `options`.
void add_system_flags(CLI::App& command, system_options& options);

/// Adds a size option that reads 512M, 1.5G and the like (see apps/flags/size.hpp); what cannot be read is an error
/// that names the option.
CLI::Option* add_size(CLI::App& command, const std::string& names, std::uint64_t& bytes, const std::string& help);

/// When the request names no limit of an answer's tokens.
std::uint32_t answer_tokens_default(const model::checkpoint& checkpoint);

}  // namespace chromatin

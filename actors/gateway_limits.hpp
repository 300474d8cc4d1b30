#pragma once

/// What the gateway refuses before anybody hears of it. Whoever reads requests for it asks here, too, so that each
/// limit is said in one place. Pure.

#include <cstdint>
#include <string>

#include "actors/archive_values.hpp"
#include "actors/error.hpp"
#include "model/sampling.hpp"

namespace chromatin {

struct gateway_limits {
  std::uint32_t message_bytes_max = 256u << 10;
  std::uint32_t messages_max = 1024;  ///< of one turn, said elsewhere
  std::uint32_t page_max = 1000;      ///< of a list or transcript
  std::uint32_t name_bytes_max = 128;
  std::uint32_t stop_strings_max = 16;
  std::uint32_t stop_bytes_max = 1024;     ///< of one stop string
  std::uint32_t biases_max = 1024;         ///< tokens that a turn makes more or less likely
  std::uint32_t likelihoods_max = 20;      ///< told beside that of each token
  std::uint32_t likely_tokens_max = 8192;  ///< of an answer whose likelihoods are told: they take more room than text
  std::int64_t keep_us_max = std::int64_t{24} * 3600 * 1'000'000;  ///< of a wish to keep; a longer one counts as this
  std::uint32_t answer_tokens_max = 1u << 16;  ///< a full window does not end an answer, so something else must
  archived_turn on_archived = archived_turn::ticket;

  /// What is wrong with a value that somebody calls `field`, or an empty error.
  caf::error check_name(const std::string& field, const std::string& id) const;
  caf::error check_text(const std::string& field, const std::string& text) const;
  caf::error check_salt(const std::string& salt) const;
  caf::error check(const model::sampling& sampling) const;

 private:
  caf::error check_penalties(const model::sampling& sampling) const;
  caf::error check_likelihoods(const model::sampling& sampling) const;
  caf::error check_stops(const std::vector<std::string>& stops) const;
};

}  // namespace chromatin

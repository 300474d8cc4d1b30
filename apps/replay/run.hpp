#pragma once

/// Plays sittings against a server and records what each turn took, as its clients saw it.

#include <atomic>
#include <functional>

#include "apps/replay/workload.hpp"
#include "rpc/client.hpp"

namespace chromatin::replay {

struct run_options {
  std::string server, token;
  bool reuse = true;
  std::uint32_t concurrency = 4;  ///< users who talk at the same time, each with a thread and a connection
  double think_ms = 0;  ///< mean pause between an answer and the next turn; 0: only the order follows the pauses
  std::uint64_t seed = 1;
  std::uint32_t answer_tokens = 32;
  bool recorded_answers = false;  ///< the history of a turn has the file's answers in place of the generated ones
};

struct turn_record {
  std::uint32_t sitting = 0;
  std::uint32_t turn = 0;  ///< from 1
  std::int64_t first_text_us = 0;
  turn_statistics statistics;
  std::string text;
};

struct run_result {
  std::vector<turn_record> turns;  ///< by sitting, then by turn
  double wall_s = 0;
  std::uint32_t sittings_cut = 0;  ///< ended where the model's context did
};

/// `progress` is called from several threads with the number of turns done. Throws rpc::call_error when a turn fails
/// for another reason than a full context.
run_result run(const std::vector<sitting>& sittings, const run_options& options,
               const std::function<void(std::size_t)>& progress);

}  // namespace chromatin::replay

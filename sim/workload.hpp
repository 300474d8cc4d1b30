#pragma once

/// Who says how much, and when: what a simulated machine serves. From a trace, or made up from published statistics.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "sim/keyed_file.hpp"
#include "sim/trace.hpp"

namespace chromatin::sim {

/// A turn begins when it is due, but not before the answer before it has ended.
struct scripted_turn {
  std::int64_t due_us = 0;
  bool after_answer = false;  ///< `due_us` counts from the end of the answer before: somebody read it, and thought
  std::uint32_t said_tokens = 0;
  std::uint32_t answer_tokens = 1;
  /// What is in the prompt's blocks, where a trace tells; it is the whole prompt then, and not what was said before.
  std::vector<std::uint64_t> blocks;
};

struct scripted_conversation {
  std::uint64_t id = 0;
  std::vector<scripted_turn> turns;
};

struct workload {
  std::string title;
  std::uint32_t block_tokens = kv::tokens_per_chunk;  ///< of a chunk of the cache
  std::uint32_t warm_up_turns = 0;                    ///< that begin first are served and not counted
  bool has_blocks = false;  ///< prompts are known by their blocks, whose size cannot be chosen then
  std::vector<scripted_conversation> conversations;

  std::size_t turns() const;
  /// Of prompt and answer; of conversations that are not told by blocks, all of it.
  std::uint64_t tokens_max() const;
};

/// Every request at its time.
workload workload_of(const trace& requests, const std::string& name);

/// Conversations as statistics have them.
struct conversation_statistics {
  double count = 0;
  double per_s = 1;                 ///< new ones, a Poisson process
  double turns_mean = 0;            ///< of all
  double several_turns = 0;         ///< share with more than one turn; the more turns, the fewer have them (geometric)
  double over_2k = 0, over_4k = 0;  ///< shares with more than 2,048 and 4,096 tokens: a log-normal distribution
  double tokens_max = 32768;        ///< longer ones are cut
  double correlation = 0.8;         ///< of turns and tokens, as normal variables
  double answer_share = 0.68;       ///< of the tokens
  double think_s = 60;              ///< mean pause between an answer and the next turn, exponential
  double warm_up_turns = 0;
};
workload make_conversations(const conversation_statistics& as, std::uint64_t seed);

/// What was said, as `replay` takes it: an object with "messages" a line. Who says it when is made up.
struct dialogue_settings {
  double count = 0;            ///< conversations, the file's over and over; 0: each once
  double per_s = 1;            ///< new ones, a Poisson process
  double think_s = 60;         ///< mean pause between an answer and the next turn, exponential
  double bytes_per_token = 4;  ///< of UTF-8: what a tokenizer would find is not known here
  double answer_tokens = 128;  ///< where the file has no answer
  double warm_up_turns = 0;
};
/// `text`: the file's; `name` begins complaints. Throws std::runtime_error with one line: file, line, what is wrong.
workload make_dialogues(std::string_view text, const std::string& name, const dialogue_settings& as,
                        std::uint64_t seed);

/// A TOML file with statistics (assets/workloads), conversations, or a trace. The kind is known by the name's ending,
/// then by the content. Throws std::runtime_error with one line: file, line or key, the way out.
workload read_workload(const std::filesystem::path& file, std::uint64_t seed, const changes& with = {});

/// All keys of this workload that can be changed; the file need not be right.
std::vector<std::string> workload_keys(const std::filesystem::path& file);

/// Blocks of another size, a multiple of a chunk. Throws std::runtime_error where that cannot be.
void choose_blocks(workload& w, std::uint32_t tokens);

}  // namespace chromatin::sim

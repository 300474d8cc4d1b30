#pragma once

/// How a conversation goes into DNA, and back, as a state machine without a clock, files or a laboratory: what may
/// follow what, and what is left to do for a job that a process finds when it starts.
///
///   planned ── ordered ────────── stored            asked ── sequencing ── decoded ── settled
///              strands, then reads                           reads
///              that are compared
///
/// The rule behind all of it: **our row first, then the laboratory**. A job's orders have names, which are in its row
/// before the laboratory hears of them; an order that the laboratory does not know was cut off by a crash, and is given
/// now. So whatever a job was doing when the process ended, step_of says what to do, and doing it twice does no harm.
///
/// A job is io::archive_job, as the registry keeps it. Transitions return what it is next and change nothing; one that
/// cannot be is a bug and ends the process.

#include <span>
#include <string>
#include <string_view>

#include "archive/fields.hpp"
#include "archive/laboratory.hpp"
#include "archive/shortage.hpp"
#include "io/archive_store.hpp"
#include "io/registry_store.hpp"

namespace chromatin::archive {

using io::archive_job;
using io::archive_state;
using io::copy_may_go;

inline io::conversation_key conversation_of(const archive_job& job) { return {job.tenant, job.id}; }

/// What is to be done next.
enum class next_step : std::uint8_t {
  nothing,        ///< it is where it should be
  wait,           ///< for the laboratory
  stop,           ///< it has failed and goes on when somebody says so: resumed()
  refused,        ///< the laboratory will not do it: failed()
  write_frame,    ///< put what is new of the conversation into its transcript in the tube's store, which may have it
                  ///< already; have the store mark its strands as ordered, unless order_with says that they are; then
                  ///< ordered()
  order_strands,  ///< give the order `synthesis`: order_of
  plan_reads,     ///< choose a name and a number of reads, `reads_more` if that is known; then reading()
  order_reads,    ///< give the order `sequencing.back()`, for all jobs whose last order has this name
  decode,         ///< take the reads of all orders together. short_of(), or: of an archive stored(), if the transcript
                  ///< is what the store has; of a recall decoded()
  settle,         ///< open `content` and put it into the registry, in one batch with settled()
};

/// The order that the job waits for; empty where it waits for none.
std::string_view awaited_order(const archive_job& job);
/// `order`: what the laboratory says of awaited_order(); of none, anything.
next_step step_of(const archive_job& job, const lab_answer& order);

/// A job that somebody asks for. `version`: of the conversation; `kv`: with keys and values. Its tube is chosen when it
/// is written.
archive_job plan_archive(const io::conversation_key& conversation, std::uint64_t version, lab_time now,
                         bool kv = false);
/// Of what this job stored, at the version that it stored: a conversation that comes back is at no other.
archive_job ask_recall(const archive_job& archive, lab_time now, bool kv = false);

/// planned, and its tube is known: this version is in the tube's partition since `commit`, and its strands belong to
/// the order `synthesis`. The conversation may have gone on since it was planned.
archive_job ordered(archive_job job, std::uint64_t version, std::uint32_t commit, std::string synthesis, lab_time now);
/// ordered, asked or sequencing: so many reads belong to the order `name`, for the first time or once more.
archive_job reading(archive_job job, std::string name, std::uint64_t reads, lab_time now);
/// ordered or sequencing: the reads did not do. The job keeps its orders, and goes on by itself with plan_reads, unless
/// no number of reads would do or this was the last of orders_max: then an archive has what is missing synthesised once
/// more (archive/synthesis_more.hpp), and a recall stops, and says what is missing.
archive_job short_of(archive_job job, const shortage& lacking, lab_time now);
inline constexpr std::size_t orders_max = 4;
archive_job stored(archive_job job, lab_time now);
/// `file`: the transcript as it was decoded, still sealed.
archive_job decoded(archive_job job, std::span<const std::uint8_t> file, lab_time now);
archive_job settled(archive_job job, lab_time now);
/// Anything: it stops where it is.
archive_job failed(archive_job job, std::string reason, lab_time now);
/// Somebody says that it may go on. Where more reads would do, they are ordered, in one order more than orders_max;
/// otherwise what failed is tried again.
archive_job resumed(archive_job job, lab_time now);

}  // namespace chromatin::archive

#pragma once

/// The archivist: leads conversations into DNA and back. It keeps the jobs that are not at their end, and takes the
/// next step of each (archive/job.hpp): what the registry has to keep it asks the registry, what takes files, strands
/// and reads the keeper, what takes chunks of the disk the carrier. So it answers at once, whatever these two do.
///
/// Steps are taken in rounds: the keeper is asked how the laboratory is getting on, then all jobs whose next step is
/// the same take it together, and what came of it is made durable, job by job. A round in which something happened is
/// followed by another one; otherwise the next is when the laboratory is expected to be done, or after a while. Jobs
/// that were just asked for wait a little for others: these then share a synthesis, or a PCR.

#include <map>
#include <optional>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/actors.hpp"
#include "actors/answer.hpp"
#include "actors/keeper.hpp"

namespace chromatin {

struct archivist_options {
  std::chrono::seconds pool_window{60};  ///< a job waits so long for others to share its order with
  std::chrono::seconds look_every{10};  ///< at a laboratory that does not say when it will be done, and after a failure
  std::chrono::seconds idle{0};         ///< what nobody spoke in for so long is archived; 0: nothing is by itself
  std::function<bool()> disk_is_full;   ///< then less idle ones are, too; null: it never is
  bool schedule = false;                ///< the keeper has one: recalls begin ahead of the times in it
  double expect = 0;                    ///< a recall begins where a turn is so likely by its end; 0: none does
  archive::lab_times usual;             ///< of the laboratory
  std::chrono::seconds reads_take = std::chrono::hours{36};  ///< where it does not say so, for recalls ahead
  bool simulated = false;                                    ///< the laboratory is
};

/// When it came to its state.
inline archive::lab_time changed_at(const archive_job& job) {
  return archive::lab_time{std::chrono::seconds{job.changed_s}};
}

struct archivist_state {
  static inline const char* name = "archivist";

  explicit archivist_state(archivist_actor::stateful_pointer<archivist_state> owner) : self{owner} {}

  void open();
  caf::result<archive_ticket> archive(const conversation_ref& which, bool kv);
  caf::result<archive_ticket> recall(const conversation_ref& which, bool kv);
  caf::result<archive_ticket> await_recall(const conversation_ref& which);
  caf::result<archive_tickets> list(const std::string& tenant);
  void look_for_idle();
  void look_at_schedule();
  void look_for_returns();
  void proceed();
  void on_timer(std::uint64_t timer) {
    if (timer == 0 || timer == wake_) proceed();
  }
  counters stats() const;

  archivist_actor::stateful_pointer<archivist_state> self;
  registry_actor registry;
  keeper_actor keeper;
  carrier_actor carrier;
  eraser_actor tiers;  ///< told of chunks that only conversations had which went; may be null
  lab_clock clock;
  archivist_options options;

 private:
  struct job_entry {
    archive_job job;
    archive::lab_answer order;  ///< what the laboratory said last of the one that it waits for
    std::string trouble;        ///< why its step could not be taken; it is tried again
  };
  using job_numbers = std::map<std::uint64_t, job_entry>;
  using steps = std::map<archive::next_step, job_list>;

  /// Asks the registry for a job, and takes it up.
  template <class Order>
  caf::result<archive_ticket> begin(Order order, const conversation_ref& which, bool kv);
  void take_up(const archive_job& job);
  void take(const archive::schedule_view& seen);
  void recall_due();
  void recall(const archive::agenda::due_recall& what);
  std::chrono::seconds recalls_ahead() const;
  void ask_chances(const job_list& archived);
  std::size_t expected_under_way() const;
  void recall_expected(const archive_job& stored);
  archive_ticket ticket_of(const archive_job& job) const;
  std::int64_t expected_s(const archive_job& job, const archive::lab_answer& order) const;

  // A round: it lasts until each thing that was begun has ended.
  void enter() { ++under_way_; }
  void leave();
  void wake_at(archive::lab_time when);
  void choose(const job_list& jobs, const lab_answers& answers);
  /// Jobs that have waited for others long enough, and those that share their order; the rest stays for later.
  job_list pooled(job_list jobs, bool by_tube);
  void take(archive::next_step step, const job_list& jobs);
  /// Asks the registry for what belongs to these jobs, and goes on with it.
  template <class Work>
  void with_sources(const job_list& jobs, bool with_said, Work work);
  /// Asks the keeper for the next step of these jobs; `done` gets what it answers.
  template <class Done, class... Message>
  void ask_keeper(const job_list& of, Done done, Message... message);
  /// Makes durable what jobs are next.
  void keep(const job_list& next);
  void keep_plan(const job_list& next);
  void keep(const archive_job& next);
  void write(archive_sources all, const job_list& of);
  void settle(const archive::keyed_job& one);
  void bring_back(const archive_job& job, const recalled_conversation& what);
  void put_back(const archive_job& job, const recalled_conversation& what, const key_list& saved);
  void cannot_settle(const archive_job& job, const caf::error& error);
  void drop_copy(const archive_job& job);
  void changed(const archive_job& job, bool there);
  void left_out(const job_list& jobs, const archive_sources& found);
  void trouble(const job_list& jobs, const caf::error& error);
  void tell(const archive_job& job, const caf::error& error);

  job_numbers jobs_;                                              ///< not at their end
  std::map<std::uint64_t, archive_job> copies_;                   ///< stored, and their copies are still to go
  std::multimap<std::uint64_t, answer<archive_ticket>> waiting_;  ///< for recalls, by number
  archive::schedule_view schedule_;                               ///< as it was seen last
  archive::agenda agenda_;                                        ///< of its lines
  std::uint64_t looked_to_ = 0;                                   ///< number of the archive that was looked at last
  std::map<std::uint64_t, std::uint64_t> foreseen_;  ///< recalls that its chance began, by the archive's number
  std::size_t under_way_ = 0;
  bool happened_ = false;  ///< in this round
  std::optional<archive::lab_time> wake_at_;
  std::uint64_t wake_ = 0;  ///< the last timer's number
  std::int64_t stored_ = 0, settled_ = 0, failed_ = 0, pcrs_ordered_ = 0, reads_ordered_ = 0, short_ = 0,
               chunks_back_ = 0, scheduled_ = 0, expected_ = 0;
};

archivist_actor::behavior_type archivist(archivist_actor::stateful_pointer<archivist_state> self,
                                         registry_actor registry, keeper_actor keeper, carrier_actor carrier,
                                         eraser_actor tiers, lab_clock clock, archivist_options options);

}  // namespace chromatin

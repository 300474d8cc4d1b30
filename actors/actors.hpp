#pragma once

/// Every actor interface of the system. A sentence stands above each message; who sends what to whom is drawn in
/// docs/ARCHITECTURE.md. Requests name their deadline at the call; every reply may instead be an error from actors/error.hpp.

#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include "actors/atoms.hpp"
#include "actors/error.hpp"
#include "actors/messages.hpp"

namespace chromatin {

/// The MEASURED interface: shared by every actor.
using measured_actor = caf::typed_actor<
  // Answers with the actor's counters.
  caf::replies_to<atom::stats>::with<counters>>;

/// The LAYER SINK interface: whoever waits for chunks that were ordered.
using layer_sink_actor = caf::typed_actor<
  // Layer `n` of everything ordered under the ticket is on its way, and in place when the fence has passed. Layers come in order.
  caf::reacts_to<atom::ready, ticket, std::uint32_t, gpu::fence>,
  // The n-th chunk ordered under the ticket is missing or damaged; nothing more will come for the ticket.
  caf::reacts_to<atom::failed, ticket, std::uint32_t>>;

/// The UPPER TIER interface: whoever is above a tier.
using upper_tier_actor = layer_sink_actor::extend<
  // The tier below has these chunks safe: they may be evicted here.
  caf::reacts_to<atom::saved, key_list>,
  // The tier below has no room for these chunks now: they exist here only, and may be offered again later.
  caf::reacts_to<atom::refused, key_list>>;

/// The CHUNK HOLDER interface: whoever has chunks.
using chunk_holder_actor = caf::typed_actor<
  // Which of these chunks are here, or on their way to here, in the order of the keys?
  caf::replies_to<atom::lookup, key_list>::with<presence_list>>;

/// The TIER protocol: common to host, disk and whatever comes below them.
using tier_actor = caf::typed_actor<
  // Promises the longest leading run of the ordered chunks it has or can load in time, and then delivers it to the sink.
  caf::replies_to<atom::fetch, fetch_order, layer_sink_actor>::with<fetch_started>,
  // A turn now waits for what was ordered ahead of need.
  caf::reacts_to<atom::hurry, ticket>,
  // The orderer no longer waits for the ticket.
  caf::reacts_to<atom::cancel, ticket>,
  // Takes chunks, all layers or layer by layer; answers the upper tier with `saved` or `refused`.
  caf::reacts_to<atom::save, save_order, upper_tier_actor>,
  // This chain, head first, was used, here or above.
  caf::reacts_to<atom::touch, key_list, kv::chain_use>,
  // Nobody is expected to use these chunks again: they go first when room is needed, here and below.
  caf::reacts_to<atom::retire, key_list>,
  // These chunks must go, here and below: what was in them is to be forgotten. One that is being used goes when that is over.
  caf::reacts_to<atom::erase, key_list>,
  // What the scheduler will run next; replaces the hint before.
  caf::reacts_to<atom::hint, hints>,
  // What conversations that have become likelier to return are likely to want soon: about `n` chunks. Of a tier above others: what is
  // below it, is not here, and is worth more than what would go for it.
  caf::replies_to<atom::expect, std::uint32_t>::with<expectations>,
  // A tier (a `tier_actor`) is now below this one; it offers what it does not have yet. An earlier one is forgotten.
  caf::reacts_to<atom::attach, caf::strong_actor_ptr>,
  // Nothing is below any more: this tier is the last.
  caf::reacts_to<atom::detach>>::extend_with<chunk_holder_actor>::extend_with<measured_actor>;

/// The HOST TIER interface: chunks in host memory, between the device and the disk.
using host_tier_actor = tier_actor::extend_with<upper_tier_actor>::extend<
  // INTERNAL: the copy engine is done with operation `id`.
  caf::reacts_to<atom::internal, atom::copied, std::uint64_t, gpu::copy_result>,
  // INTERNAL: hands on the layers of this order that are here.
  caf::reacts_to<atom::internal, atom::proceed, ticket>>;

/// The CATALOG interface: the disk tier's durable index. Blocks, so it runs detached.
using catalog_actor = caf::typed_actor<
  // Every chunk that was acknowledged, least recently used first.
  caf::replies_to<atom::open>::with<std::vector<io::stored_chunk>>,
  // Commits a batch; durable when it answers.
  caf::replies_to<atom::commit, io::catalog_change>::with<void>>;

/// The DISK TIER interface: chunks in segment files under a durable catalogue.
using disk_tier_actor = tier_actor::extend<
  // The chances that these conversations return within so many microseconds, in their order.
  caf::replies_to<atom::expect, hash_list, std::int64_t>::with<chance_list>,
  // INTERNAL: the device finished operation `id` with this errno (0: done).
  caf::reacts_to<atom::internal, atom::proceed, std::uint64_t, std::int32_t>>;

/// The TURN LISTENER interface: hears from the device tier how its turns' pages come along.
using turn_listener_actor = caf::typed_actor<
  // What the tiers below promised for a turn that was admitted `loading`. Comes once for each such admission.
  caf::reacts_to<atom::promised, turn_id, load_promise>,
  // Layer `n` of the turn's load was ordered into its pages; its progress has the fence. After the last layer: all arrived.
  caf::reacts_to<atom::ready, turn_id, std::uint32_t>,
  // The turn's load failed, as its progress says; asking again may help.
  caf::reacts_to<atom::failed, turn_id>,
  // The turn's load is past its deadline, as its progress says; computing is cheaper.
  caf::reacts_to<atom::late, turn_id>,
  // Somebody was refused for want of pages, and now some are free.
  caf::reacts_to<atom::room>>;

/// The ERASER interface: the top of the hierarchy of tiers, as who forgets conversations sees it.
using eraser_actor = caf::typed_actor<
  // These chunks must go now, here and below.
  caf::reacts_to<atom::erase, key_list>>;

/// The DEVICE TIER interface: the pages that the backend computes in. It answers at once; the queue is the scheduler's.
using device_tier_actor = upper_tier_actor::extend<
  // Gives a turn its block table, or says how many pages are missing. Reused chunks are pinned.
  caf::replies_to<atom::admit, admission>::with<admitted>,
  // Gives a turn this many pages more, or says how many are missing.
  caf::replies_to<atom::grow, turn_id, std::uint32_t>::with<grown>,
  // Of the chunks that the turn has pinned, it goes on with these only.
  caf::reacts_to<atom::retain, turn_id, key_list>,
  // A layer of chunks that a step filled up; they belong to the turn. The last layer makes them reusable.
  caf::reacts_to<atom::save, turn_id, save_order>,
  // A turn ended, or gives its pages to another one.
  caf::reacts_to<atom::release, release_order>,
  // What the scheduler will run next; replaces the hint before.
  caf::reacts_to<atom::hint, hints>,
  // Who hears of turns' loads and of room: the scheduler and the executor.
  caf::reacts_to<atom::attach, turn_listener_actor, layer_sink_actor>,
  // INTERNAL: the load of this ticket is past its deadline.
  caf::reacts_to<atom::internal, atom::late, ticket>,
  // INTERNAL: a layer of this load has arrived, or failed to.
  caf::reacts_to<atom::internal, atom::loaded, ticket, bool>,
  // INTERNAL: the last layer of chunks that a turn computed is over.
  caf::reacts_to<atom::internal, atom::save, turn_id, save_order>,
  // INTERNAL: a page came free.
  caf::reacts_to<atom::internal, atom::room>,
  // A tier (a `tier_actor`) is now below the device; `detach` takes it away.
  caf::reacts_to<atom::attach, caf::strong_actor_ptr>,
  caf::reacts_to<atom::detach>>::extend_with<eraser_actor>::extend_with<chunk_holder_actor>::extend_with<measured_actor>;

/// The PREFETCHER interface: turns hints into orders to load chunks ahead of need (CachedAttention §3.3).
using prefetcher_actor = layer_sink_actor::extend<
  // What the scheduler will run next: all of it, which replaces the hint before, or what comes first.
  caf::reacts_to<atom::hint, hints>,
  // INTERNAL: it was idle for a while.
  caf::reacts_to<atom::internal, atom::expect>,
  // The tier (a `tier_actor`) whose room is to be filled ahead of need.
  caf::reacts_to<atom::attach, caf::strong_actor_ptr>,
  caf::reacts_to<atom::detach>>::extend_with<measured_actor>;

/// The EXECUTOR interface: drives one backend, layer by layer. For it a ticket is a turn's id.
using executor_actor = layer_sink_actor::extend<
  // Runs one step over a batch and samples. One step at a time.
  caf::replies_to<atom::step, step_order>::with<step_result>,
  // Another turn could go on: the step under way waits for no load any more.
  caf::reacts_to<atom::hurry>,
  // INTERNAL: a fence that a layer waited for is over.
  caf::reacts_to<atom::internal, atom::proceed>,
  // INTERNAL: the step of an executor that died has ended.
  caf::reacts_to<atom::internal, atom::open>,
  // INTERNAL: the backend is done with the step.
  caf::reacts_to<atom::internal, atom::finished, std::shared_ptr<gpu::step_output>>,
  // The device tier to hand finished layers to.
  caf::reacts_to<atom::attach, device_tier_actor>>::extend_with<measured_actor>;

/// The SCHEDULER interface: iteration-level batching with chunked prefill; the one queue.
using scheduler_actor = turn_listener_actor::extend<
  // Runs a turn to its end; the answer streams into its sink. A turn that fails for good answers with an error.
  caf::replies_to<atom::turn, turn_order>::with<turn_outcome>,
  // Ends a turn early; it then answers with what it has, stopped as cancelled.
  caf::reacts_to<atom::cancel, turn_id>,
  // The first turns: those that run, then those that wait, each in the order of their service.
  caf::replies_to<atom::list>::with<turn_views>,
  // Who wants to know what will run next: told at every change of the queue.
  caf::reacts_to<atom::attach, prefetcher_actor>,
  // Another executor, in place of one that died. The step that was lost with it is tried again.
  caf::reacts_to<atom::attach, executor_actor>,
  // No other executor will come: turns are refused from now on.
  caf::reacts_to<atom::detach>,
  // INTERNAL: the n-th time that an executor died, its successor has not come within its time.
  caf::reacts_to<atom::internal, atom::late, std::uint64_t>>::extend_with<measured_actor>;

/// The REGISTRY interface: who said what. A turn's messages are provisional until its answer is settled: a turn that is
/// refused, cancelled before its first token or lost leaves no trace of them.
using registry_actor = caf::typed_actor<
  // Opens a conversation; one that does not exist is made, with this system prompt unless it is empty.
  caf::replies_to<atom::open, conversation_ref, std::string>::with<conversation_info>,
  // Renders messages, the last of them a user's, and leases the conversation to this turn; answers with the window to
  // compute. A window with no room for them is truncated; the system prompt stays. Nothing is stored yet.
  caf::replies_to<atom::append, conversation_ref, turn_id, message_list>::with<prepared_turn>,
  // The same where the conversation has `n` messages; any other is busy, as one that another turn has changed.
  caf::replies_to<atom::append, conversation_ref, turn_id, message_list, std::uint32_t>::with<prepared_turn>,
  // The window of a plain prompt of this tenant: nothing is leased, and nothing to settle.
  caf::replies_to<atom::append, conversation_ref, plain_prompt>::with<prepared_turn>,
  // Stores the turn's messages and its answer, durable when it answers, and ends its lease.
  caf::replies_to<atom::settle, settlement>::with<conversation_info>,
  // The turn was not answered: ends its lease and drops its messages.
  caf::reacts_to<atom::release, abandoned_turn>,
  // Drops the older part of the window: keeps the first `n` tokens and the system prompt, then drops the share `ratio` of
  // the rest in whole chunks.
  caf::replies_to<atom::truncate, conversation_ref, std::uint32_t, double>::with<conversation_info>,
  // Copies a conversation's first `n` messages under a new name; more than there are: all.
  caf::replies_to<atom::fork, conversation_ref, std::string, std::uint32_t>::with<conversation_info>,
  // Forgets a conversation for good. Answers with the chunks that no other conversation of the tenant has.
  caf::replies_to<atom::forget, conversation_ref>::with<key_list>,
  // A tenant's conversations by name: at most `n`, after the name given.
  caf::replies_to<atom::list, std::string, std::string, std::uint32_t>::with<conversation_list>,
  // The `n` that were written to last, the newest first.
  caf::replies_to<atom::list, std::string, std::uint32_t>::with<conversation_list>,
  // Messages from number `n` on, at most `m`.
  caf::replies_to<atom::read, conversation_ref, std::uint32_t, std::uint32_t>::with<transcript>,
  // The chunks of a conversation's window, head first.
  caf::replies_to<atom::lookup, conversation_ref>::with<key_list>,
  // Which conversation of the tenant, under the salt, begins with the most of these messages?
  caf::replies_to<atom::match, std::string, std::string, message_list>::with<matched_conversation>,
  // Gives a point of a conversation a name of this tenant's; durable when it answers.
  caf::replies_to<atom::point, std::string, std::string, conversation_point>::with<void>,
  // The point that this tenant has given this name.
  caf::replies_to<atom::point, std::string, std::string>::with<conversation_point>,
  // Forgets the name. The conversation stays, unless nobody named it and this was its last point: answers with the chunks
  // that no other conversation of the tenant has.
  caf::replies_to<atom::point, atom::forget, std::string, std::string>::with<key_list>,
  // When a conversation was made, and its metadata.
  caf::replies_to<atom::label, conversation_ref>::with<conversation_label>,
  // Replaces its metadata; durable when it answers.
  caf::replies_to<atom::label, conversation_ref, std::string>::with<conversation_label>,
  // Who is told of chunks that only conversations had which were let go to make room for others.
  caf::reacts_to<atom::attach, eraser_actor>,
  // Plans at this time to archive a conversation; with `true` its keys and values, too. Answers with the job that does, or did if
  // nothing was said since; durable.
  caf::replies_to<atom::archive, conversation_ref, bool, std::int64_t>::with<archive_job>,
  // Asks at this time for an archived conversation; with `true` for its keys and values, too. Answers with the job that brings it; durable.
  caf::replies_to<atom::recall, conversation_ref, bool, std::int64_t>::with<archive_job>,
  // Jobs that are not at their end, and copies on the disk that could go.
  caf::replies_to<atom::archive, atom::list>::with<archive_book>,
  // A tenant's jobs.
  caf::replies_to<atom::archive, atom::list, std::string>::with<job_list>,
  // These jobs with the keys of their conversations, those that were forgotten left out; with `true` also what they say now.
  caf::replies_to<atom::archive, atom::read, job_list, bool>::with<archive_sources>,
  // What a job is now; durable when it answers. False: its conversation was forgotten.
  caf::replies_to<atom::archive, atom::save, archive_job>::with<bool>,
  // The conversation of this job goes from the disk, if it may: it was stored as it is now, and nobody has recalled it since.
  caf::replies_to<atom::archive, atom::erase, archive_job>::with<copy_dropped>,
  // At most `m` conversations that nobody spoke in for `n` seconds, those first whose bytes are worth least; none that is on its way.
  caf::replies_to<atom::archive, atom::expect, std::int64_t, std::uint32_t>::with<conversation_refs>,
  // At most `m` conversations that are in DNA only and do not come back: their jobs, by number. Those above number `n`; behind the
  // last of them, from the first again.
  caf::replies_to<atom::archive, atom::lookup, std::uint64_t, std::uint32_t>::with<job_list>,
  // Puts a recalled conversation back, and its job is at its end; durable when it answers. False as for `save`.
  caf::replies_to<atom::archive, atom::settle, archive_job, recalled_conversation>::with<bool>,
  // INTERNAL: makes durable what was written since the last time.
  caf::reacts_to<atom::internal, atom::commit>>::extend_with<measured_actor>;

/// The KEEPER interface: the part of an archive's work that blocks (archive/keeper.hpp). Runs detached.
using keeper_actor = caf::typed_actor<
  // What the laboratory says of the orders that these jobs wait for, in their order.
  caf::replies_to<atom::lookup, job_list>::with<lab_answers>,
  // Writes what is new into tubes, and marks its strands as ordered. The jobs as they are next.
  caf::replies_to<atom::save, archive_sources>::with<job_list>,
  // Chooses the reads to order. The jobs as they are next.
  caf::replies_to<atom::expect, keyed_jobs>::with<job_list>,
  // Gives the orders that these jobs wait for to the laboratory.
  caf::replies_to<atom::append, keyed_jobs>::with<void>,
  // Takes the reads. The jobs as they are next.
  caf::replies_to<atom::read, keyed_jobs>::with<job_list>,
  // The conversation that a job has decoded; `invalid_argument` where it is damaged.
  caf::replies_to<atom::open, archive::keyed_job>::with<recalled_conversation>,
  // What the schedule of recalls says now; no lines where there is none.
  caf::replies_to<atom::list>::with<archive::schedule_view>>::extend_with<measured_actor>;

/// The CARRIER interface: chunks between the disk tier and archives.
using carrier_actor = upper_tier_actor::extend<
  // These, and the chunks that the disk has of those whose jobs want them.
  caf::replies_to<atom::fetch, archive_sources>::with<archive_sources>,
  // Saves the chunks of an archive; answers with those that are safe on the disk.
  caf::replies_to<atom::save, recalled_conversation>::with<key_list>,
  // The chances that these conversations return within so many microseconds, as the disk tier sees it; none while it is away.
  caf::replies_to<atom::expect, hash_list, std::int64_t>::with<chance_list>,
  // The disk tier (a `disk_tier_actor`); an earlier one is forgotten.
  caf::reacts_to<atom::attach, caf::strong_actor_ptr>>;

/// The ARCHIVIST interface: leads conversations into DNA and back. Answers at once; the work is the keeper's.
using archivist_actor = caf::typed_actor<
  // Archives a conversation, with `true` its keys and values, too; one that is on its way already, or there, keeps its ticket.
  caf::replies_to<atom::archive, conversation_ref, bool>::with<archive_ticket>,
  // Brings an archived conversation back, with `true` its keys and values, too; one that is on its way already keeps its ticket.
  caf::replies_to<atom::recall, conversation_ref, bool>::with<archive_ticket>,
  // The same without keys and values; answers when it is back, or with an error when it does not come by itself.
  caf::replies_to<atom::recall, atom::settle, conversation_ref>::with<archive_ticket>,
  // What became of a tenant's archives and recalls.
  caf::replies_to<atom::archive, atom::list, std::string>::with<archive_tickets>,
  // INTERNAL: looks for conversations that nobody asked to archive.
  caf::reacts_to<atom::internal, atom::archive>,
  // INTERNAL: begins those recalls that the schedule wants by now.
  caf::reacts_to<atom::internal, atom::recall>,
  // INTERNAL: begins recalls of conversations that are likely to return.
  caf::reacts_to<atom::internal, atom::expect>,
  // INTERNAL: reads the registry's jobs.
  caf::reacts_to<atom::internal, atom::open>,
  // INTERNAL: takes the next step of every job, if this is the last timer (0: in any case).
  caf::reacts_to<atom::internal, atom::proceed, std::uint64_t>>::extend_with<measured_actor>;

/// The GATEWAY interface: what a client of any protocol can ask for. Checks limits, then leads a turn from registry to scheduler
/// and back. Each turn is answered, also when a part dies on the way.
using gateway_actor = caf::typed_actor<
  // As the registry's.
  caf::replies_to<atom::open, conversation_ref, std::string>::with<conversation_info>,
  // Runs one user turn; the answer streams into the sink.
  caf::replies_to<atom::say, say_request, std::shared_ptr<token_sink>>::with<turn_statistics>,
  // The client of this turn went away. May come before the turn does.
  caf::reacts_to<atom::cancel, turn_id>,
  // As the registry's.
  caf::replies_to<atom::truncate, conversation_ref, std::uint32_t, double>::with<conversation_info>,
  caf::replies_to<atom::fork, conversation_ref, std::string, std::uint32_t>::with<conversation_info>,
  // The same with all messages.
  caf::replies_to<atom::fork, conversation_ref, std::string>::with<conversation_info>,
  // As the registry's; then the chunks that only this conversation had leave every tier.
  caf::replies_to<atom::forget, conversation_ref>::with<void>,
  // As the registry's.
  caf::replies_to<atom::list, std::string, std::uint32_t>::with<conversation_list>,
  caf::replies_to<atom::list, std::string, std::string, std::uint32_t>::with<conversation_list>,
  caf::replies_to<atom::read, conversation_ref, std::uint32_t, std::uint32_t>::with<transcript>,
  // As the registry's.
  caf::replies_to<atom::lookup, conversation_ref>::with<key_list>,
  caf::replies_to<atom::match, std::string, std::string, message_list>::with<matched_conversation>,
  // As the registry's; chunks that leave with a forgotten point leave every tier.
  caf::replies_to<atom::point, std::string, std::string, conversation_point>::with<void>,
  caf::replies_to<atom::point, std::string, std::string>::with<conversation_point>,
  caf::replies_to<atom::point, atom::forget, std::string, std::string>::with<void>,
  // As the registry's.
  caf::replies_to<atom::label, conversation_ref>::with<conversation_label>,
  caf::replies_to<atom::label, conversation_ref, std::string>::with<conversation_label>,
  // As the archivist's; `not_available` where the server has no archive.
  caf::replies_to<atom::archive, conversation_ref, bool>::with<archive_ticket>,
  caf::replies_to<atom::recall, conversation_ref, bool>::with<archive_ticket>,
  caf::replies_to<atom::archive, atom::list, std::string>::with<archive_tickets>,
  // Who is asked for archived conversations.
  caf::reacts_to<atom::attach, archivist_actor>,
  // As the scheduler's, and whose turns they are.
  caf::replies_to<atom::list>::with<turn_views>,
  // Refuses turns from now on; those under way may go on so long, then they end as cancelled. Answers with their number
  // when all are answered and settled.
  caf::replies_to<atom::stop, caf::timespan>::with<std::uint32_t>,
  // INTERNAL: the time of those under way is over.
  caf::reacts_to<atom::internal, atom::stop>,
  // What one tenant did.
  caf::replies_to<atom::stats, std::string>::with<counters>>::extend_with<measured_actor>;

/// The TELEMETRY interface: gathers every actor's counters, and what the tiers have, when asked.
using telemetry_actor = caf::typed_actor<
  // Counters of all parts; a part that does not answer in time is left out.
  caf::replies_to<atom::stats>::with<std::vector<counters>>,
  // What does each tier have of these chunks? A tier that does not answer in time is left out.
  caf::replies_to<atom::lookup, key_list>::with<chunk_places>,
  // From now on asks this tier, below those that came before it; replaces an earlier one of this name.
  caf::reacts_to<atom::attach, std::string, chunk_holder_actor>,
  // From now on gathers this part (a `measured_actor`) under this name; replaces an earlier one.
  caf::reacts_to<atom::attach, std::string, caf::strong_actor_ptr>>;

/// The SUPERVISOR interface: watches every part, and starts what died again, within a budget.
using supervisor_actor = caf::typed_actor<
  // Watches a part by name.
  caf::reacts_to<atom::attach, std::string, caf::strong_actor_ptr>,
  // Takes a part out by hand: it ends, and stays away.
  caf::replies_to<atom::detach, std::string>::with<void>,
  // Puts a part back that was taken out, or died too often.
  caf::replies_to<atom::attach, std::string>::with<void>,
  // INTERNAL: the part's start is due, unless the part has changed since this change.
  caf::reacts_to<atom::internal, atom::proceed, std::string, std::uint64_t>>::extend_with<measured_actor>;

}  // namespace chromatin

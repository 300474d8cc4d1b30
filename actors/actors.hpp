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
  // Layer `n` of everything ordered under the ticket is in place, and all layers below it.
  caf::reacts_to<atom::ready, ticket, std::uint32_t>,
  // The n-th chunk ordered under the ticket is missing or damaged; nothing more will come for the ticket.
  caf::reacts_to<atom::failed, ticket, std::uint32_t>>;

/// The UPPER TIER interface: whoever stands above a tier.
using upper_tier_actor = layer_sink_actor::extend<
  // The tier below has these chunks safe: they may be evicted here.
  caf::reacts_to<atom::saved, key_list>,
  // The tier below could not take these chunks: they exist here only.
  caf::reacts_to<atom::refused, key_list>>;

/// The TIER protocol: common to host, disk and whatever comes below them.
using tier_actor = caf::typed_actor<
  // Which of these chunks are here, in the order of the keys?
  caf::replies_to<atom::lookup, key_list>::with<std::vector<bool>>,
  // Promises the longest leading run of the ordered chunks it has or can raise in time, and then delivers it to the sink.
  caf::replies_to<atom::fetch, fetch_order, layer_sink_actor>::with<fetch_started>,
  // The orderer no longer waits for the ticket.
  caf::reacts_to<atom::cancel, ticket>,
  // Takes chunks, all layers or layer by layer; answers the upper tier with `saved` or `refused`.
  caf::reacts_to<atom::save, save_order, upper_tier_actor>,
  // These chunks may not be evicted until they are unpinned as often as they were pinned.
  caf::reacts_to<atom::pin, key_list>,
  caf::reacts_to<atom::unpin, key_list>,
  // This chain, head first, was used just now, here or above.
  caf::reacts_to<atom::touch, key_list>,
  // These chunks are of no use any more, here and below: their space may be used at once.
  caf::reacts_to<atom::erase, key_list>,
  // What the scheduler will run next; replaces the hint before.
  caf::reacts_to<atom::hint, hints>,
  // A tier (a `tier_actor`) now stands below this one; it offers what it does not have yet. An earlier one is forgotten.
  caf::reacts_to<atom::attach, caf::strong_actor_ptr>,
  // Nothing stands below any more: this tier is the last.
  caf::reacts_to<atom::detach>>::extend_with<measured_actor>;

/// The HOST TIER interface: chunks in host memory, between the device and the disk.
using host_tier_actor = tier_actor::extend_with<upper_tier_actor>::extend<
  // INTERNAL: copies the next layer of the transfers that can go on.
  caf::reacts_to<atom::internal, atom::proceed>>;

/// The CATALOG interface: the disk tier's durable index. Blocks, so it runs detached.
using catalog_actor = caf::typed_actor<
  // Every chunk that was acknowledged, least recently used first.
  caf::replies_to<atom::open>::with<std::vector<io::stored_chunk>>,
  // Commits a batch; durable when it answers.
  caf::replies_to<atom::commit, catalog_batch>::with<void>>;

/// The DISK TIER interface: chunks in segment files under a durable catalogue.
using disk_tier_actor = tier_actor::extend<
  // INTERNAL: the device finished operation `id` with this errno (0: done).
  caf::reacts_to<atom::internal, atom::proceed, std::uint64_t, std::int32_t>>;

/// The DEVICE TIER interface: the pages that the backend computes in.
using device_tier_actor = upper_tier_actor::extend<
  // Gives a turn its block table once there is room and the first layer of what is loaded is in place. Reused chunks are pinned.
  caf::replies_to<atom::admit, admission>::with<admitted>,
  // A layer of chunks that a step filled up; they belong to the turn. The last layer makes them reusable.
  caf::reacts_to<atom::save, turn_id, save_order>,
  // A turn ended or was given up.
  caf::reacts_to<atom::release, release_order>,
  // INTERNAL: the load of this ticket is past its deadline.
  caf::reacts_to<atom::internal, atom::late, ticket>,
  // INTERNAL: tries again to make room for the turns that wait for it.
  caf::reacts_to<atom::internal, atom::proceed>,
  // A tier (a `tier_actor`) now stands below the device; `detach` takes it away.
  caf::reacts_to<atom::attach, caf::strong_actor_ptr>,
  caf::reacts_to<atom::detach>>::extend_with<measured_actor>;

/// The PREFETCHER interface: turns hints into orders to raise chunks ahead of need (CachedAttention §3.3).
using prefetcher_actor = layer_sink_actor::extend<
  // What the scheduler will run next; replaces the hint before.
  caf::reacts_to<atom::hint, hints>,
  // The tier (a `tier_actor`) whose room is to be filled ahead of need.
  caf::reacts_to<atom::attach, caf::strong_actor_ptr>,
  caf::reacts_to<atom::detach>>::extend_with<measured_actor>;

/// The EXECUTOR interface: drives one backend, layer by layer. For it a ticket is a turn's id.
using executor_actor = layer_sink_actor::extend<
  // Runs one step over a batch and samples. One step at a time.
  caf::replies_to<atom::step, step_order>::with<step_result>,
  // The device tier to hand finished layers to, and who is told of loads by it.
  caf::reacts_to<atom::attach, device_tier_actor>>::extend_with<measured_actor>;

/// The SCHEDULER interface: iteration-level batching with chunked prefill.
using scheduler_actor = caf::typed_actor<
  // Runs a turn to its end; the answer streams into its sink. A turn that fails for good answers with an error.
  caf::replies_to<atom::turn, turn_order>::with<turn_outcome>,
  // Ends a turn early; it then answers with what it has, stopped as cancelled.
  caf::reacts_to<atom::cancel, turn_id>,
  // Who wants to know what will run next: tells each of them at every change of the queue.
  caf::reacts_to<atom::attach, prefetcher_actor>>::extend_with<measured_actor>;

/// The REGISTRY interface: who said what, durable before it answers.
using registry_actor = caf::typed_actor<
  // Opens a conversation; one that does not exist is made, with this system prompt unless it is empty.
  caf::replies_to<atom::open, conversation_ref, std::string>::with<conversation_info>,
  // Appends a user's message and leases the conversation to this turn; answers with the window to compute. A window with
  // no room for the message is truncated; the system prompt stays.
  caf::replies_to<atom::append, conversation_ref, std::string>::with<prepared_turn>,
  // Appends the turn's answer and ends its lease.
  caf::replies_to<atom::settle, settlement>::with<conversation_info>,
  // The turn failed: ends its lease; the user's message stays.
  caf::reacts_to<atom::release, conversation_ref>,
  // Drops the older part of the window: keeps the first `n` tokens and the system prompt, then drops the share `ratio` of
  // the rest in whole chunks.
  caf::replies_to<atom::truncate, conversation_ref, std::uint32_t, double>::with<conversation_info>,
  // Copies a conversation under a new name.
  caf::replies_to<atom::fork, conversation_ref, std::string>::with<conversation_info>,
  // Forgets a conversation for good.
  caf::replies_to<atom::forget, conversation_ref>::with<void>>::extend_with<measured_actor>;

/// The GATEWAY interface: what a client of any protocol can ask for. Checks limits, then leads a turn from registry to scheduler
/// and back.
using gateway_actor = caf::typed_actor<
  // As the registry's.
  caf::replies_to<atom::open, conversation_ref, std::string>::with<conversation_info>,
  // Runs one user turn; the answer streams into the sink.
  caf::replies_to<atom::say, say_request, std::shared_ptr<token_sink>>::with<turn_statistics>,
  // The client of this turn went away.
  caf::reacts_to<atom::cancel, turn_id>,
  // As the registry's.
  caf::replies_to<atom::truncate, conversation_ref, std::uint32_t, double>::with<conversation_info>,
  caf::replies_to<atom::fork, conversation_ref, std::string>::with<conversation_info>,
  caf::replies_to<atom::forget, conversation_ref>::with<void>>::extend_with<measured_actor>;

/// The TELEMETRY interface: gathers every actor's counters when asked.
using telemetry_actor = caf::typed_actor<
  // Counters of all parts; a part that does not answer in time is left out.
  caf::replies_to<atom::stats>::with<std::vector<counters>>,
  // From now on gathers this part (a `measured_actor`) under this name; replaces an earlier one.
  caf::reacts_to<atom::attach, std::string, caf::strong_actor_ptr>>;

/// The SUPERVISOR interface: watches every actor; restarts what can be restarted and takes a dead tier out of the hierarchy.
using supervisor_actor = caf::typed_actor<
  // Watches a part by name.
  caf::reacts_to<atom::attach, std::string, caf::strong_actor_ptr>,
  // INTERNAL: the part's restart is due.
  caf::reacts_to<atom::internal, atom::proceed, std::string>>::extend_with<measured_actor>;

}  // namespace chromatin

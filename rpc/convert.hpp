#pragma once

/// Between the schema's structs and ours, both ways, in one place.

#include "actors/client_values.hpp"
#include "model/sampling.hpp"
#include "schema/chromatin.capnp.h"

namespace chromatin::rpc {

void write(const conversation_info& from, schema::ConversationInfo::Builder to);
conversation_info read(schema::ConversationInfo::Reader from);
void write(const archive_ticket& from, schema::ArchiveTicket::Builder to);
archive_ticket read(schema::ArchiveTicket::Reader from);
/// `to` has as many elements as `from`.
void write(const message_list& from, capnp::List<schema::Message>::Builder to);
message_list read(capnp::List<schema::Message>::Reader from);
void write(const model::sampling& from, schema::Sampling::Builder to);
model::sampling read(schema::Sampling::Reader from);

void write(const std::vector<model::token_likelihood>& from, capnp::List<schema::TokenLikelihood>::Builder to);
std::vector<model::token_likelihood> read(capnp::List<schema::TokenLikelihood>::Reader from);
void write(const turn_statistics& from, schema::TurnStatistics::Builder to);
turn_statistics read(schema::TurnStatistics::Reader from);
void write(const counters& from, schema::Counters::Builder to);
counters read(schema::Counters::Reader from);

}  // namespace chromatin::rpc

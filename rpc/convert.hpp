#pragma once

/// Between the schema's structs and ours, both ways, in one place.

#include "actors/messages.hpp"
#include "schema/chromatin.capnp.h"

namespace chromatin::rpc {

void write(const conversation_info& from, schema::ConversationInfo::Builder to);
conversation_info read(schema::ConversationInfo::Reader from);
void write(const model::sampling& from, schema::Sampling::Builder to);
model::sampling read(schema::Sampling::Reader from);
void write(const turn_statistics& from, schema::TurnStatistics::Builder to);
turn_statistics read(schema::TurnStatistics::Reader from);
void write(const counters& from, schema::Counters::Builder to);
counters read(schema::Counters::Reader from);

}  // namespace chromatin::rpc

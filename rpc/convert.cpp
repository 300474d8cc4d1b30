#include "rpc/convert.hpp"

namespace chromatin::rpc {

void write(const conversation_info& from, schema::ConversationInfo::Builder to) {
  to.setId(from.id.c_str());
  to.setVersion(from.version);
  to.setTokens(from.tokens);
  to.setContextTokens(from.context_tokens);
  to.setMessages(from.messages);
  to.setLastRole(from.last_role.c_str());
  to.setDamaged(from.damaged);
  to.setCreatedS(from.created_s);
  to.setMetadata(from.metadata.c_str());
}

conversation_info read(schema::ConversationInfo::Reader from) {
  return {from.getId().cStr(),     from.getVersion(),  from.getTokens(),
          from.getContextTokens(), from.getMessages(), from.getLastRole().cStr(),
          from.getDamaged(),       from.getCreatedS(), from.getMetadata().cStr()};
}

void write(const message_list& from, capnp::List<schema::Message>::Builder to) {
  for (unsigned i = 0; i < from.size(); ++i) {
    to[i].setRole(from[i].role.c_str());
    to[i].setContent(kj::StringPtr(from[i].content.c_str(), from[i].content.size()));
  }
}

message_list read(capnp::List<schema::Message>::Reader from) {
  message_list messages;
  for (auto m : from) messages.push_back({m.getRole().cStr(), {m.getContent().begin(), m.getContent().size()}});
  return messages;
}

void write(const model::sampling& from, schema::Sampling::Builder to) {
  to.setTemperature(from.temperature);
  to.setTopK(from.top_k);
  to.setTopP(from.top_p);
  to.setSeed(from.seed);
  to.setTokensMax(from.tokens_max);
  auto stop = to.initStop(static_cast<unsigned>(from.stop.size()));
  for (unsigned i = 0; i < from.stop.size(); ++i) stop.set(i, from.stop[i].c_str());
  to.setMinP(from.min_p);
  to.setRepeatPenalty(from.less.repeat);
  to.setPresencePenalty(from.less.presence);
  to.setFrequencyPenalty(from.less.frequency);
  to.setRepeatLastN(from.less.last_n);
  auto biases = to.initBiases(static_cast<unsigned>(from.biases.size()));
  for (unsigned i = 0; i < from.biases.size(); ++i) {
    biases[i].setToken(from.biases[i].token);
    biases[i].setBias(from.biases[i].bias);
  }
  to.setTellLikelihoods(from.likelihoods.has_value());
  to.setLikeliest(from.likelihoods.value_or(0));
}

model::sampling read(schema::Sampling::Reader from) {
  model::sampling s{from.getTemperature(), from.getTopK(), from.getTopP(), from.getSeed(), {}, from.getTokensMax()};
  for (auto text : from.getStop()) s.stop.emplace_back(text.begin(), text.size());
  s.min_p = from.getMinP();
  s.less = {from.getRepeatPenalty(), from.getPresencePenalty(), from.getFrequencyPenalty(), from.getRepeatLastN()};
  for (auto b : from.getBiases()) s.biases.push_back({b.getToken(), b.getBias()});
  if (from.getTellLikelihoods()) s.likelihoods = from.getLikeliest();
  return s;
}

void write(const std::vector<model::token_likelihood>& from, capnp::List<schema::TokenLikelihood>::Builder to) {
  for (unsigned i = 0; i < from.size(); ++i) {
    to[i].setToken(from[i].token);
    to[i].setLogarithm(from[i].logarithm);
    auto likeliest = to[i].initLikeliest(static_cast<unsigned>(from[i].likeliest.size()));
    for (unsigned j = 0; j < likeliest.size(); ++j) {
      likeliest[j].setToken(from[i].likeliest[j].first);
      likeliest[j].setLogarithm(from[i].likeliest[j].second);
    }
  }
}

std::vector<model::token_likelihood> read(capnp::List<schema::TokenLikelihood>::Reader from) {
  std::vector<model::token_likelihood> all;
  for (auto one : from) {
    all.push_back({one.getToken(), one.getLogarithm(), {}});
    for (auto likely : one.getLikeliest()) all.back().likeliest.emplace_back(likely.getToken(), likely.getLogarithm());
  }
  return all;
}

void write(const turn_statistics& from, schema::TurnStatistics::Builder to) {
  to.setPromptTokens(from.prompt_tokens);
  to.setComputedTokens(from.computed_tokens);
  to.setDeviceTokens(tokens_from(from.hits, "device"));
  to.setHostTokens(tokens_from(from.hits, "host"));
  to.setDiskTokens(tokens_from(from.hits, "disk"));
  auto hits = to.initHits(static_cast<unsigned>(from.hits.size()));
  for (unsigned i = 0; i < from.hits.size(); ++i) {
    hits[i].setTier(from.hits[i].tier.c_str());
    hits[i].setTokens(from.hits[i].tokens);
  }
  to.setAnswerTokens(from.answer_tokens);
  to.setQueuedUs(from.queued_us);
  to.setFirstTokenUs(from.first_token_us);
  to.setTotalUs(from.total_us);
  to.setDroppedTokens(from.dropped_tokens);
  to.setStopped(static_cast<schema::StopReason>(from.stopped));
}

turn_statistics read(schema::TurnStatistics::Reader from) {
  turn_statistics s;
  s.prompt_tokens = from.getPromptTokens();
  s.computed_tokens = from.getComputedTokens();
  for (auto h : from.getHits()) s.hits.push_back({h.getTier().cStr(), h.getTokens()});
  if (!from.hasHits())
    s.hits = {{"device", from.getDeviceTokens()}, {"host", from.getHostTokens()}, {"disk", from.getDiskTokens()}};
  s.answer_tokens = from.getAnswerTokens();
  s.dropped_tokens = from.getDroppedTokens();
  s.queued_us = from.getQueuedUs();
  s.first_token_us = from.getFirstTokenUs();
  s.total_us = from.getTotalUs();
  s.stopped = static_cast<stop_reason>(from.getStopped());
  return s;
}

void write(const archive_ticket& from, schema::ArchiveTicket::Builder to) {
  to.setNumber(from.number);
  to.setId(from.id.c_str());
  to.setState(from.state.c_str());
  to.setExpectedS(from.expected_s);
  to.setLeftS(from.left_s);
  to.setReads(from.reads);
  to.setBlocksMissing(from.blocks_missing);
  to.setReadsMore(from.reads_more);
  to.setFailure(from.failure.c_str());
  to.setNote(from.note.c_str());
  to.setSimulated(from.simulated);
  to.setKv(from.kv);
}

archive_ticket read(schema::ArchiveTicket::Reader from) {
  return {.number = from.getNumber(),
          .id = from.getId().cStr(),
          .state = from.getState().cStr(),
          .expected_s = from.getExpectedS(),
          .left_s = from.getLeftS(),
          .reads = from.getReads(),
          .blocks_missing = from.getBlocksMissing(),
          .reads_more = from.getReadsMore(),
          .failure = from.getFailure().cStr(),
          .note = from.getNote().cStr(),
          .simulated = from.getSimulated(),
          .kv = from.getKv()};
}

void write(const counters& from, schema::Counters::Builder to) {
  to.setPart(from.part.c_str());
  auto values = to.initValues(static_cast<unsigned>(from.values.size()));
  for (unsigned i = 0; i < from.values.size(); ++i) {
    values[i].setName(from.values[i].first.c_str());
    values[i].setValue(from.values[i].second);
  }
  auto notes = to.initNotes(static_cast<unsigned>(from.notes.size()));
  for (unsigned i = 0; i < from.notes.size(); ++i) notes.set(i, from.notes[i].c_str());
}

counters read(schema::Counters::Reader from) {
  counters c{from.getPart().cStr(), {}, {}};
  for (auto value : from.getValues()) c.values.emplace_back(value.getName().cStr(), value.getValue());
  for (auto note : from.getNotes()) c.notes.emplace_back(note.cStr());
  return c;
}

}  // namespace chromatin::rpc

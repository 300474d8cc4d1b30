# The RPC interface of chromatin: conversations as capabilities.
#
# Errors are exceptions whose text is "code: sentence", the code one of: archived, busy, cancelled, context_full, invalid_argument,
# invalid_text, no_conversation, no_room, not_available, overloaded, store_failed, too_large, unauthenticated,
# version_conflict. What is wrong with one value ends in its name, " [field=NAME]", as a chat over HTTP calls it. One that
# goes away by itself ends in " [retry_after_ms=N]": the call may work after so many milliseconds. `overloaded` always has
# it; nothing of such a call was done.
# Times are microseconds, sizes are bytes, lengths of text for models are tokens.

@0xd5e1a6f0c37b9842;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("chromatin::schema");

interface Gate {
  # What a connection starts with.

  login @0 (token :Text) -> (session :Session);
  # The token decides whose conversations are seen. An empty one is accepted where the server has no token file.
}

interface Session {
  open @0 (id :Text, system :Text, make :Bool = true) -> (conversation :Conversation, info :ConversationInfo);
  # Opens a conversation by name (1 to 128 printable ASCII characters); one that does not exist is made, with this system prompt
  # unless it is empty. An empty name makes a new conversation with a random one. With `make` false a conversation that does not
  # exist is an error.

  stat @1 () -> (parts :List(Counters));
  # The counters of every part of the server.

  list @2 (after :Text, limit :UInt32 = 100) -> (conversations :List(ConversationInfo));
  # The tenant's conversations in the order of their names, those after the name `after`. A server may give fewer than `limit`; no
  # more come when it gives none.

  detachPart @3 (name :Text) -> ();
  # Takes a part of the server out (`disk-tier`, `host-tier`, `prefetcher`): it ends and stays away, and turns go on without it. What
  # only it held is computed again. An operator's, like `attachPart`.

  attachPart @4 (name :Text) -> ();
  # Puts a part back that was taken out, by hand or because it died too often.

  archive @5 (id :Text, kv :Bool) -> (ticket :ArchiveTicket);
  # Brings a conversation into DNA; with `kv`, the keys and values that the disk has of it, too. Its copy on the disk goes when it was
  # read back from there and nothing was said since.

  recall @6 (id :Text, kv :Bool) -> (ticket :ArchiveTicket);
  # Brings an archived conversation back; with `kv`, its keys and values, too. Called again, it tells how far that is.

  archives @7 () -> (tickets :List(ArchiveTicket));
  # What became of the tenant's archives and recalls: one for each archived conversation, one for each that comes or came back.

  forget @8 (id :Text) -> ();
  # As `Conversation.forget`, of a conversation that need not be opened: one that is archived, or damaged.
}

interface Conversation {
  say @0 (request :SayRequest, sink :TokenSink) -> (statistics :TurnStatistics);
  # One user turn. The answer's text streams into the sink; the call returns when message and answer are durable. Dropping the
  # call cancels the turn; what was answered so far stays in the conversation. A turn that ends in an error, or is cancelled before
  # anything was answered, leaves no trace: it can be said again.

  truncate @1 (protectTokens :UInt32, ratio :Float64) -> (info :ConversationInfo);
  # Drops the older part of the window: the first `protectTokens` and the system prompt stay, then the share `ratio` (above 0, at most 1) of the rest goes,
  # in whole chunks of 64. What stays keeps its cache.

  fork @2 (id :Text, messages :UInt32 = 4294967295) -> (conversation :Conversation, info :ConversationInfo);
  # Copies the conversation's first `messages` messages (all where there are fewer) under a new name (empty: a random one); both share
  # the cache of what they have in common.

  forget @3 ();
  # Forgets the conversation for good, also in every tier: only what other conversations of the tenant share stays.

  info @4 () -> (info :ConversationInfo);

  read @5 (first :UInt32, limit :UInt32 = 100) -> (messages :List(Message), total :UInt32);
  # What was said, from message `first` (0: the beginning) on, whatever the window still holds; `total` is how many messages there
  # are. A server may give fewer than `limit`.
}

interface TokenSink {
  text @0 (text :Text, likelihoods :List(TokenLikelihood)) -> stream;
  # Some more whole characters of the answer; and of the tokens whose text ends in it, how likely they were, where that is asked for.

  end @1 ();
  # All text was sent; the answer to this call says that all was received.
}

struct ConversationInfo {
  id @0 :Text;
  version @1 :UInt64;         # goes up with every change
  tokens @2 :UInt32;          # in the window
  contextTokens @3 :UInt32;   # what the model has room for
  messages @4 :UInt32;
  lastRole @5 :Text;          # of the last message: system, user or assistant; empty when there is none
  damaged @6 :Bool;           # in lists: what is stored of it is not what was written; it can only be forgotten
  createdS @7 :Int64;         # in lists: when it was made, seconds since 1970; 0: nobody knows
  metadata @8 :Text;          # in lists: what a client of HTTP put beside it, a JSON object; empty: nothing
}

struct ArchiveTicket {
  number @0 :UInt64;          # of the job
  id @1 :Text;                # of the conversation
  state @2 :Text;             # of an archive: planned, ordered, stored; of a recall: asked, sequencing, decoded, settled
  expectedS @3 :Int64;        # when it is about to be at its end, seconds since 1970; 0: nobody knows
  leftS @4 :Int64;            # until then
  reads @5 :UInt64;           # ordered so far
  blocksMissing @6 :UInt32;   # that these did not bring
  readsMore @7 :UInt64;       # that would
  failure @8 :Text;           # why it does not go on by itself: asked for again, it does. Empty: it does
  note @9 :Text;              # what the laboratory says, or what became of keys and values
  simulated @10 :Bool;        # the laboratory is a model
  kv @11 :Bool;               # keys and values are asked for, too
}

struct Message {
  role @0 :Text;              # system, user or assistant
  content @1 :Text;
}

struct SayRequest {
  text @0 :Text;
  sampling @1 :Sampling;
  priority @2 :UInt8 = 50;    # 0 to 100
  reuse @3 :Bool = true;      # false: compute everything and keep nothing, for comparison
  before @4 :List(Message);   # said elsewhere, in front of `text`; a system message only as the first of a conversation
  keepPriority @5 :UInt8 = 50;  # 0 to 100: for `keepMs` the conversation's cache goes after those of lower priority, and before those of
  keepMs @6 :UInt64 = 0;        # higher; the distance from 50 decays meanwhile. A server may keep it for less. 0: as the policy finds right.
}

struct Sampling {
  temperature @0 :Float32 = 0;   # 0: greedy
  topK @1 :UInt32 = 0;           # 0: all
  topP @2 :Float32 = 1;
  seed @3 :UInt64 = 0;
  stop @4 :List(Text);
  tokensMax @5 :UInt32 = 0;      # 0: the model's default
  minP @6 :Float32 = 0;          # only tokens at least so many times as likely as the likeliest
  repeatPenalty @7 :Float32 = 1; # of tokens among the last `repeatLastN` of the prompt and the answer: divides a positive logit, multiplies
  presencePenalty @8 :Float32 = 0;   # a negative one; this is taken off once,
  frequencyPenalty @9 :Float32 = 0;  # and this for each time that the token is there
  repeatLastN @10 :UInt32 = 64;
  biases @11 :List(TokenBias);   # are added to logits
  tellLikelihoods @12 :Bool;     # of each token, as the model gives it: before biases, penalties and temperature. An answer has at
                                 # most 8192 tokens then
  likeliest @13 :UInt32;         # and so many of the likeliest beside it, at most 20
}

struct TokenLikelihood {
  token @0 :UInt32;
  logarithm @1 :Float32;
  likeliest @2 :List(Likely);    # of all tokens, the likeliest first
}

struct Likely {
  token @0 :UInt32;
  logarithm @1 :Float32;
}

struct TokenBias {
  token @0 :UInt32;
  bias @1 :Float32;
}

struct TurnStatistics {
  promptTokens @0 :UInt32;       # and, after a truncation in mid-answer, what stayed of the window
  computedTokens @1 :UInt32;     # of these; the others were reused:
  deviceTokens @2 :UInt32;       # as in `hits`, for clients that do not know it
  hostTokens @3 :UInt32;
  diskTokens @4 :UInt32;
  answerTokens @5 :UInt32;
  queuedUs @6 :Int64;            # until the turn had its pages
  firstTokenUs @7 :Int64;        # from the turn's arrival at the scheduler
  totalUs @8 :Int64;
  stopped @9 :StopReason;
  droppedTokens @10 :UInt32;     # that left a full window to make room
  hits @11 :List(Hit);           # the reused tokens, by the tier they came from
}

struct Hit {
  tier @0 :Text;
  tokens @1 :UInt32;
}

enum StopReason {
  endOfAnswer @0;
  stopString @1;
  tokensMax @2;
  contextFull @3;
  cancelled @4;
}

struct Counters {
  part @0 :Text;
  values @1 :List(Counter);
  notes @2 :List(Text);       # what an operator should know of the part: who is down, and why
}

struct Counter {
  name @0 :Text;
  value @1 :Int64;
}

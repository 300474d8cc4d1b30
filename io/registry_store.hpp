#pragma once

/// Conversations, durable: who said what, the exact tokens, and how far their cache goes. An interface, so that another
/// store can hold the conversations of several nodes; SQLite stands behind it here. Every function blocks, and what it
/// wrote is durable when it returns, or with its batch; one thread at a time. What goes wrong is thrown: sqlite_error,
/// damaged_conversation, version_conflict, lease_lost.

#include <chrono>
#include <compare>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "io/archive_store.hpp"
#include "io/tenant_salts.hpp"
#include "kv/lineage.hpp"

namespace chromatin::io {

/// A conversation by tenant and name. One tenant cannot reach another's.
struct conversation_key {
  std::string tenant;
  std::string id;

  auto operator<=>(const conversation_key&) const = default;
};

/// The size of a vocabulary that nobody knows.
inline constexpr std::uint32_t any_token = ~std::uint32_t{0};

/// A model that was served from this folder, as it was computed: which conversations are its, the roots of their
/// windows tell.
struct served_model {
  kv::fingerprint cache;   ///< model, element type, kind of weights
  kv::fingerprint source;  ///< the model alone: where it is the same, so are the tokens of a text; zero: not known
  std::string name;        ///< for people
  std::uint32_t vocabulary = any_token;

  bool operator==(const served_model&) const = default;
};

struct conversation_summary {
  std::string id;
  std::uint64_t version = 0;  ///< goes up with every change
  std::uint32_t messages = 0;
  std::uint32_t tokens = 0;  ///< in the window
  std::string last_role;     ///< of the last message; empty when there is none
  bool damaged = false;      ///< what is stored does not match its checksum
};

struct conversation_record : conversation_summary {
  kv::lineage window;
};

struct stored_message {
  std::string role;
  std::string content;
  /// What it added to the window. Unknown for messages that an earlier format had truncated out of sight.
  std::optional<std::vector<kv::token_id>> tokens;

  bool operator==(const stored_message&) const = default;
};

/// What a turn or a client did to a conversation: all of it is stored, or nothing.
struct conversation_change {
  std::uint64_t expected_version = 0;    ///< 0: the conversation does not exist yet
  std::vector<stored_message> messages;  ///< said since, in order
  kv::lineage window;                    ///< from now on
  bool replaces_window = false;          ///< false: the stored window only grew at its end
  std::vector<kv::chunk_key> chunks;     ///< keys under which tiers may hold parts of it, as far as they are new
  std::uint64_t first_version = 1;       ///< of a conversation that does not exist yet
  /// Tokens of the messages before these, where another model goes on with the conversation; else empty.
  std::vector<std::vector<kv::token_id>> retold = {};
};

/// A conversation that begins with the messages that were asked for.
struct shared_history {
  std::string id;
  std::uint32_t shared = 0;    ///< how many of the messages
  std::uint32_t messages = 0;  ///< of the conversation
};

/// A point of a conversation: where a client's protocol can go back to.
struct conversation_point {
  std::string id;              ///< of the conversation
  std::uint32_t messages = 0;  ///< so many lead to it
  std::string note;            ///< what the protocol keeps with it

  bool operator==(const conversation_point&) const = default;
};

/// What is known of a conversation beside what was said in it.
struct conversation_label {
  std::int64_t created_s = 0;  ///< seconds since 1970; 0: nobody knows
  std::string metadata;        ///< the client's own, as its protocol keeps it

  bool operator==(const conversation_label&) const = default;
};

/// A conversation as a list tells of it.
struct listed_conversation : conversation_summary {
  conversation_label label;  ///< without a value in it where it is damaged: others are listed all the same
};

/// A list ends behind the conversation whose metadata fill so much: a client may put tens of KiB beside each.
inline constexpr std::size_t list_bytes_max = 1u << 20;

/// What clients give back of a message when they send it again: many trim white space at the ends, and drop what a
/// model thought aloud before its answer (`<think>…</think>`). Messages that differ only there count as the same.
std::string_view given_back(std::string_view role, std::string_view content);

/// A hash of what is given back of all messages so far: that of the last one, continuing from the hash before it.
kv::hash128 next_message_hash(kv::hash128 before, std::string_view role, std::string_view content);

/// A conversation as who looks for room sees it.
struct unused_conversation {
  conversation_key key;
  std::uint32_t tokens = 0;       ///< in its window
  std::int64_t writes_since = 0;  ///< to other conversations since the last one to it, about
};

/// The conversation is not at the version that the caller expected.
struct version_conflict : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// The conversation is leased to somebody else.
struct lease_lost : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// What is stored of this conversation does not match its checksum. Others are not affected.
struct damaged_conversation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Who holds a lease: a turn. 0 is nobody.
using lease_owner = std::uint64_t;
using lease_time = std::chrono::steady_clock::time_point;

class registry_store {
 public:
  virtual ~registry_store() = default;

  /// From now on each write is still all or nothing, and seen by every read, but it becomes durable only with all
  /// others of the batch, when `commit` returns: a disk's sync costs more than a hundred writes. When `commit` throws,
  /// nothing of the batch is stored.
  virtual void begin() = 0;
  virtual void commit() = 0;

  /// A tenant's salt, made once and kept.
  virtual kv::hash128 tenant_salt(const std::string& tenant) = 0;

  /// Keeps what is known of a model, in place of what was.
  virtual void note_model(const served_model& model) = 0;
  virtual std::vector<served_model> models() = 0;

  virtual std::optional<conversation_summary> find(const conversation_key& key) = 0;
  virtual std::optional<conversation_record> load(const conversation_key& key) = 0;
  /// Messages from number `first` on, at most `count_max`.
  virtual std::vector<stored_message> read(const conversation_key& key, std::uint32_t first,
                                           std::uint32_t count_max) = 0;
  /// A tenant's conversations by name, those after the name `after`: at most so many, and list_bytes_max of metadata.
  virtual std::vector<listed_conversation> list(const std::string& tenant, const std::string& after,
                                                std::uint32_t count_max) = 0;
  /// Those that were written to last, the newest first; as bounded.
  virtual std::vector<listed_conversation> latest(const std::string& tenant, std::uint32_t count_max) = 0;
  /// The conversation of this tenant that begins with the most of these messages, among those whose windows have this
  /// root; among equals the one that says the least beyond them. Nothing if none shares the first one. Roles and what
  /// is given back of contents count, tokens do not.
  virtual std::optional<shared_history> match(const std::string& tenant, kv::chunk_key root,
                                              std::span<const stored_message> messages) = 0;
  virtual std::int64_t conversations() = 0;
  virtual std::int64_t conversations_of(const std::string& tenant) = 0;

  /// Writes a change and returns the new version. Throws lease_lost if somebody other than `owner` has a lease.
  virtual std::uint64_t write(const conversation_key& key, lease_owner owner, const conversation_change& change) = 0;
  /// Makes a conversation of the first `messages` messages, with this window and these chunks; false if the name is
  /// taken.
  virtual bool fork(const conversation_key& key, const std::string& new_id, std::uint32_t messages,
                    const kv::lineage& window, std::span<const kv::chunk_key> chunks) = 0;
  /// Tiers may hold these chunks because of a turn that was not stored.
  virtual void note_chunks(const conversation_key& key, std::span<const kv::chunk_key> chunks) = 0;

  /// Gives a point of a conversation a name of the tenant's; one that has it already gives it up.
  virtual void put_point(const std::string& tenant, const std::string& name, const conversation_point& point) = 0;
  virtual std::optional<conversation_point> find_point(const std::string& tenant, const std::string& name) = 0;
  /// Only the name; the conversation stays. Answers with the number of points that the conversation has then.
  virtual std::uint32_t forget_point(const std::string& tenant, const std::string& name) = 0;

  /// Replaces what was known. It goes when the conversation is forgotten, and stays while it is in DNA.
  virtual void put_label(const conversation_key& key, const conversation_label& label) = 0;
  /// Without a value in it where nothing was put.
  virtual conversation_label find_label(const conversation_key& key) = 0;

  /// Of this tenant's conversations whose names begin so, at most so many, the ones that nobody wrote to for the
  /// longest time first.
  virtual std::vector<std::string> oldest(const std::string& tenant, const std::string& prefix,
                                          std::uint32_t count_max) = 0;

  /// At most so many of all tenants' conversations, the ones that nobody wrote to for the longest time first.
  virtual std::vector<unused_conversation> unused(std::uint32_t count_max) = 0;

  /// Keys and jobs of conversations that are archived.
  virtual archive_store& archives() = 0;

  /// Removes all of it, its label, its points, and what archives() has of it: what of it is in DNA cannot be read any
  /// more. Answers with the chunks that no other conversation of the tenant has.
  virtual std::vector<kv::chunk_key> forget(const conversation_key& key) = 0;

  /// Takes the lease of a conversation, which need not exist, until `end`. False while another owner has it; one whose
  /// end has passed is taken over.
  virtual bool lease(const conversation_key& key, lease_owner owner, lease_time now, lease_time end) = 0;
  /// Gives it back; nothing happens if the owner does not have it.
  virtual void release(const conversation_key& key, lease_owner owner) = 0;
  virtual std::size_t leases() const = 0;
};

/// Opens or makes `folder/registry.sqlite`, for its owner only; an empty path keeps everything in memory. A folder of
/// an earlier format is taken over. `new_salts` are those of tenants without one. A token is damage that is not below
/// `vocabulary`, nor below that of any model that was noted. Throws open_error, for a newer format too. Leases are held
/// in memory: one process has the folder (`lock` in docs/formats.md).
std::unique_ptr<registry_store> open_registry(const std::filesystem::path& folder,
                                              salt_source new_salts = random_salts(),
                                              std::uint32_t vocabulary = any_token);

}  // namespace chromatin::io

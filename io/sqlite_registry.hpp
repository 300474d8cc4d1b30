#pragma once

/// The registry store in one SQLite file. What open_registry() makes; the format is in docs/formats.md.

#include <map>

#include "io/registry_format.hpp"
#include "io/sqlite_archive.hpp"

namespace chromatin::io {

class sqlite_registry final : public registry_store {
 public:
  sqlite_registry(const std::filesystem::path& folder, salt_source new_salts, std::uint32_t vocabulary);

  void begin() override { db_->begin_batch(); }
  void commit() override;

  /// Over a database that has this format's tables.
  sqlite_registry(std::unique_ptr<database> db, std::uint32_t vocabulary);

  kv::hash128 tenant_salt(const std::string& tenant) override;
  void note_model(const served_model& model) override;
  std::vector<served_model> models() override;
  std::optional<conversation_summary> find(const conversation_key& key) override;
  std::optional<conversation_record> load(const conversation_key& key) override;
  std::vector<stored_message> read(const conversation_key& key, std::uint32_t first, std::uint32_t count_max) override;
  std::vector<listed_conversation> list(const std::string& tenant, const std::string& after,
                                        std::uint32_t count_max) override;
  std::vector<listed_conversation> latest(const std::string& tenant, std::uint32_t count_max) override;
  std::optional<shared_history> match(const std::string& tenant, kv::chunk_key root,
                                      std::span<const stored_message> messages) override;
  std::int64_t conversations() override;
  std::int64_t conversations_of(const std::string& tenant) override;

  std::uint64_t write(const conversation_key& key, lease_owner owner, const conversation_change& change) override;
  bool fork(const conversation_key& key, const std::string& new_id, std::uint32_t messages, const kv::lineage& window,
            std::span<const kv::chunk_key> chunks) override;
  void note_chunks(const conversation_key& key, std::span<const kv::chunk_key> chunks) override;
  void put_point(const std::string& tenant, const std::string& name, const conversation_point& point) override;
  std::optional<conversation_point> find_point(const std::string& tenant, const std::string& name) override;
  std::uint32_t forget_point(const std::string& tenant, const std::string& name) override;
  void put_label(const conversation_key& key, const conversation_label& label) override;
  conversation_label find_label(const conversation_key& key) override;
  std::vector<unused_conversation> unused(std::uint32_t count_max) override;
  std::vector<std::string> oldest(const std::string& tenant, const std::string& prefix,
                                  std::uint32_t count_max) override;
  archive_store& archives() override { return *archives_; }
  std::vector<kv::chunk_key> forget(const conversation_key& key) override;

  /// Cuts a damaged conversation back to its longest beginning in which every message and every token of the window is
  /// what was written, and which does not end in a user's message. Answers with the number of messages that are left;
  /// nothing, and nothing is changed, if it has no such beginning or was truncated: then it stays damaged.
  std::optional<std::uint32_t> cut_back(const conversation_key& key);

  bool lease(const conversation_key& key, lease_owner owner, lease_time now, lease_time end) override;
  void release(const conversation_key& key, lease_owner owner) override;
  std::size_t leases() const override { return leases_.size(); }

 private:
  struct beginning;
  beginning sound_beginning(const conversation_key& key);
  using row = registry_format::conversation_row;
  struct lease_held {
    lease_owner owner;
    lease_time end;
  };

  /// Those that the condition picks, with their labels: one query for a whole list.
  statement select_listed(std::string_view which);
  static std::vector<listed_conversation> listed(const std::string& tenant, statement& get);
  std::optional<row> find_row(const conversation_key& key);
  std::vector<kv::token_id> window_tokens(const conversation_key& key);
  std::vector<kv::cut> window_cuts(const conversation_key& key);
  void check_vocabulary(const conversation_key& key, std::span<const kv::token_id> tokens) const;
  bool begins_with(const conversation_key& key, std::span<const stored_message> messages);
  /// Tokens of the models that were noted are no damage.
  void widen_vocabulary();
  /// Gives the first messages other tokens.
  void retell(const conversation_key& key, const std::vector<std::vector<kv::token_id>>& tokens);
  void put_row(const conversation_key& key, const row& values);
  void add_messages(const conversation_key& key, row& to, std::span<const stored_message> messages);
  /// Stores the window's tokens and cuts, all or what it grew by, and what the row says of it.
  void put_window(const conversation_key& key, row& to, const kv::lineage& window, bool all);
  void add_part(const conversation_key& key, std::int64_t part, std::span<const kv::token_id> tokens);
  /// What was deleted leaves the files, too. Tried again after the next commit if a reader is in the way.
  void erase_traces();
  void add_chunks(const conversation_key& key, std::span<const kv::chunk_key> chunks);

  salt_source new_salts_;
  std::uint32_t vocabulary_;
  std::unique_ptr<database> db_;
  std::optional<sqlite_archive> archives_;  ///< in `db_`
  std::map<conversation_key, lease_held> leases_;
  std::int64_t used_ = 0;     ///< goes up with every write of a conversation
  bool traces_left_ = false;  ///< of conversations that were forgotten, in the write-ahead log
};

}  // namespace chromatin::io

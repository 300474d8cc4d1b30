#pragma once

/// The archive store in registry.sqlite (docs/formats.md).

#include "io/archive_store.hpp"
#include "io/registry_format.hpp"

namespace chromatin::io {

class sqlite_archive final : public archive_store {
 public:
  /// Over a database that has this format's tables, which must outlive it.
  explicit sqlite_archive(database& db) : db_{db} {}

  std::optional<archive_key> find_key(const conversation_key& key) override;
  archive_key keep_key(const conversation_key& key, const archive_key& fresh) override;
  std::uint64_t add(const archive_job& job) override;
  bool put(const archive_job& job) override;
  void remove(std::uint64_t number) override;
  std::optional<archive_job> find(std::uint64_t number) override;
  archive_job_list jobs() override;
  archive_job_list archived(std::uint64_t after, std::uint32_t count_max) override;
  archive_job_list jobs_of(const conversation_key& key) override;
  std::optional<std::vector<kv::chunk_key>> drop_copy(const conversation_key& key) override;

 private:
  static archive_job_list list(statement& get);

  database& db_;
};

}  // namespace chromatin::io

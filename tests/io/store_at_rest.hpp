#pragma once

/// A store as a server leaves it: a catalogue with chunks in segment files, a registry with conversations.

#include <algorithm>
#include <fstream>
#include <random>
#include <sstream>

#include <unistd.h>

#include "io/chunk_store.hpp"
#include "io/registry_store.hpp"
#include "io/segments.hpp"
#include "kv/page.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::io::test_store {

inline constexpr kv::geometry shape{2, 1, 64, kv::dtype::bf16};
inline constexpr kv::fingerprint model{1, 2};
inline constexpr std::uint32_t vocabulary = 1000;
inline constexpr std::uint64_t slots = 24;

/// What a conversation is to others: all of it that anybody could be told.
struct told {
  conversation_record record;
  std::vector<stored_message> messages;

  bool operator==(const told& other) const {
    auto same = [](const stored_message& a, const stored_message& b) {
      return a.role == b.role && a.content == b.content && a.tokens == b.tokens;
    };
    return record.id == other.record.id && record.messages == other.record.messages &&
           record.last_role == other.record.last_role && record.window == other.record.window &&
           std::ranges::equal(messages, other.messages, same);
  }
};

inline told tell(registry_store& from, const conversation_key& key) {
  return {from.load(key).value(), from.read(key, 0, 1000)};
}

class store_at_rest {
 public:
  /// A copy of the one that was made first: each commit waits for the disk.
  store_at_rest() {
    static const store_at_rest first{0};
    std::filesystem::copy(first.path(), path());
    saved_ = first.saved_;
    keys_ = first.keys_;
  }

  const std::filesystem::path& path() const { return folder_.path(); }
  std::filesystem::path operator/(const std::string& name) const { return folder_ / name; }
  const std::vector<conversation_key>& conversations() const { return keys_; }
  std::size_t chunks() const { return saved_.size(); }

  void sql(const std::string& file, const std::string& text) const {
    database db{folder_ / file};
    db.execute(text.c_str());
  }
  /// Overwrites the page that a table or index begins with.
  void zero_page(const std::string& file, const std::string& which) const {
    std::int64_t page = 0;
    {
      database db{folder_ / file};
      statement find{db, "SELECT rootpage FROM sqlite_master WHERE " + which};
      if (find.step()) page = find.integer(0);
    }
    overwrite(file, static_cast<std::uint64_t>(page - 1) * 4096, std::string(4096, '\0'));
  }
  void overwrite(const std::string& file, std::uint64_t at, const std::string& bytes) const {
    std::fstream f{folder_ / file, std::ios::in | std::ios::out | std::ios::binary};
    f.seekp(static_cast<std::streamoff>(at));
    f << bytes;
  }
  void flip(const std::string& file, std::uint64_t bit) const {
    std::fstream f{folder_ / file, std::ios::in | std::ios::out | std::ios::binary};
    f.seekg(static_cast<std::streamoff>(bit / 8));
    auto byte = static_cast<char>(f.get() ^ 1 << bit % 8);
    f.seekp(static_cast<std::streamoff>(bit / 8));
    f.put(byte);
  }

 private:
  explicit store_at_rest(int) {
    chunk_store chunks{{path(), slots * shape.chunk_bytes(), shape, model}};
    chunks.load();
    auto registry = open_registry(path());
    files_ = open_segments(path(), chunks.layout().segment_sizes_bytes());
    for (std::string tenant : {"alice", "bob"})
      for (int c = 0; c < 4; ++c) talk(*registry, chunks, {tenant, "talk-" + std::to_string(c)}, 3 + c, c == 3);
    auto window = registry->load({"alice", "talk-0"})->window;
    std::vector<kv::chunk_key> named;
    for (const auto& link : kv::chain(window, window.settled)) named.push_back(link.key);
    registry->fork({"alice", "talk-1"}, "fork", 4, window, named);
    files_.files.clear();
    for (const auto& tenant : {"alice", "bob"})
      for (const auto& c : registry->list(tenant, "", 100)) keys_.push_back({tenant, c.id});
    registry->forget(keys_.back());
    keys_.pop_back();
  }

  void talk(registry_store& registry, chunk_store& chunks, const conversation_key& key, int turns, bool truncate) {
    auto root = kv::root_key(model, registry.tenant_salt(key.tenant));
    kv::lineage window{.tokens = {1}, .root = root};
    std::uint64_t version = 0;
    for (int turn = 0; turn < turns; ++turn) {
      conversation_change change{.expected_version = version};
      for (auto role : {"user", "assistant"}) {
        stored_message m{role, "turn " + std::to_string(turn) + " of " + key.id, std::vector<kv::token_id>(30)};
        for (auto& t : *m.tokens) t = static_cast<kv::token_id>(random_() % vocabulary);
        window.tokens.insert(window.tokens.end(), m.tokens->begin(), m.tokens->end());
        change.messages.push_back(std::move(m));
      }
      window.settled = static_cast<std::uint32_t>(window.tokens.size());
      for (const auto& link : kv::chain(window, window.settled)) {
        change.chunks.push_back(link.key);
        if (saved_.size() < slots) save(chunks, link);
      }
      change.replaces_window = truncate && kv::truncate(window, 0, 0.5) > 0;
      change.window = window;
      version = registry.write(key, 1, change);
    }
  }
  void save(chunk_store& chunks, kv::link link) {
    if (std::ranges::find(saved_, link.key) != saved_.end()) return;
    auto slot = static_cast<std::uint32_t>(saved_.size());
    saved_.push_back(link.key);
    stored_chunk row{link.key, slot, 0, link.fill, {}};
    auto memory = kv::plain_memory(shape.chunk_bytes());
    for (auto& b : memory.bytes()) b = static_cast<std::byte>(random_());
    for (std::uint32_t layer = 0; layer < shape.layers; ++layer) {
      auto place = shape.packed(layer, link.fill);
      row.checksums.push_back(kv::checksum(memory.bytes().subspan(place.offset_bytes, place.bytes)));
    }
    auto where = chunks.layout().at(slot);
    if (::pwrite(files_.files[where.segment].get(), memory.bytes().data(), memory.bytes().size(),
                 static_cast<off_t>(where.offset_bytes)) < 0)
      throw std::runtime_error("a segment cannot be written");
    chunks.commit({.added = {row}});
  }

  test::temporary_folder folder_;
  std::mt19937_64 random_{7};
  segment_files files_;
  std::vector<kv::chunk_key> saved_;
  std::vector<conversation_key> keys_;
};

}  // namespace chromatin::io::test_store

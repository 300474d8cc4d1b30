// The registry: rows with any values, with checksums that fit or do not, and any bytes of its file.

#include "io/device.hpp"
#include "io/fsck/fsck.hpp"
#include "io/registry_format.hpp"
#include "tests/fuzz/rows.hpp"

using namespace chromatin;

namespace {

constexpr std::uint32_t vocabulary = 500;
const io::conversation_key talk{"a", "talk"}, other{"a", "other"};

void say(io::registry_store& store, const io::conversation_key& key, bool truncate) {
  kv::lineage window{.tokens = {1}, .root = {5, 6}};
  std::uint64_t version = 0;
  for (int turn = 0; turn < 3; ++turn) {
    io::conversation_change change{.expected_version = version};
    for (auto role : {"user", "assistant"}) {
      io::stored_message m{role, role + std::to_string(turn), std::vector<kv::token_id>(50, 7)};
      window.tokens.insert(window.tokens.end(), m.tokens->begin(), m.tokens->end());
      change.messages.push_back(std::move(m));
    }
    window.settled = static_cast<std::uint32_t>(window.tokens.size());
    change.replaces_window = truncate && kv::truncate(window, 0, 0.5) > 0;
    change.window = window;
    for (const auto& link : kv::chain(window, window.settled)) change.chunks.push_back(link.key);
    version = store.write(key, 1, change);
  }
}

const std::filesystem::path& sound() {
  static const test::temporary_folder folder;
  static const auto file = [] {
    auto store = io::open_registry(folder.path());
    store->tenant_salt("a");
    say(*store, talk, false);
    say(*store, other, true);
    return folder / "registry.sqlite";
  }();
  return file;
}

/// Values of a conversation that a program with a fault could have written.
void write_row(const std::filesystem::path& file, fuzz::input& from) {
  io::registry_format::conversation_row row{from.number<std::uint8_t>(), from.number<std::uint8_t>(),
                                            from.number<std::uint16_t>(), from.number<std::uint8_t>(), "user"};
  auto bytes = [&] {
    auto text = from.text();
    auto all = std::as_bytes(std::span{text});
    return std::vector<std::byte>{all.begin(), all.end()};
  };
  row.kept = bytes();
  row.parent = bytes();
  row.kept_tokens = from.number<std::int16_t>();
  row.settled = from.number<std::int16_t>();
  row.keep = from.number<std::int16_t>();
  try {
    io::database db{file};
    io::statement{db, std::string{"INSERT OR REPLACE INTO conversations (tenant, id, "} +
                          io::registry_format::conversation_columns + ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"}
        .bind(talk.tenant, talk.id, row.version, row.messages, row.tokens, row.cuts, row.last_role,
              std::span<const std::byte>{row.kept}, std::span<const std::byte>{row.parent}, row.kept_tokens,
              row.settled, row.keep, io::registry_format::checksum(talk, row))
        .run();
    kv::cut cut{from.number<std::uint32_t>(), from.number<std::uint32_t>(), {3, 4}};
    cut.dropped.resize(from.number<std::uint8_t>(), 5);
    io::statement{db, "INSERT OR REPLACE INTO cuts VALUES (?, ?, ?, ?, ?, ?, ?)"}
        .bind(talk.tenant, talk.id, std::int64_t{0}, std::int64_t{cut.first_chunk}, std::int64_t{cut.at_tokens},
              io::blob_of(cut.dropped), io::registry_format::checksum(0, cut))
        .run();
  } catch (const io::sqlite_error&) {
  }
}

/// What a registry does with a window.
void use(kv::lineage window) {
  for (auto token : window.tokens) fuzz::must(token < vocabulary);
  kv::chain(window, window.settled);
  kv::history(window);
  auto copy = window;
  kv::make_room(copy, 100, {});
  kv::growing_chain chain;
  kv::reusable_of(window, chain);
  kv::shorten(window, static_cast<std::uint32_t>(window.tokens.size() / 2));
}

template <class Work>
void guarded(Work work) {
  try {
    work();
  } catch (const io::sqlite_error&) {
  } catch (const io::damaged_conversation&) {
  } catch (const io::version_conflict&) {
  }
}

void serve(const std::filesystem::path& folder) {
  auto store = io::open_registry(folder, io::random_salts(), vocabulary);
  guarded([&] { store->tenant_salt("a"); });
  guarded([&] { store->list("a", "", 10); });
  for (const auto& key : {talk, other}) {
    guarded([&] {
      if (auto record = store->load(key)) use(record->window);
    });
    guarded([&] {
      auto said = store->read(key, 0, 100);
      if (auto found = store->match("a", {}, said)) fuzz::must(found->shared <= said.size());
    });
    guarded([&] {
      if (auto record = store->load(key)) {
        record->window.tokens.push_back(9);
        store->write(key, 1, {record->version, {{"user", "more", std::vector<kv::token_id>{9}}}, record->window});
        store->fork(key, key.id + "-copy", record->messages, record->window, {});
      }
    });
    guarded([&] {
      store->archives().find_key(key);
      store->archives().jobs_of(key);
      store->archives().drop_copy(key);
    });
    guarded([&] { store->forget(key); });
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static constexpr const char* tables[] = {"tenants", "conversations", "tokens",       "messages",
                                           "cuts",    "chunks",        "archive_keys", "archive_jobs"};
  static constexpr int columns[] = {2, 13, 5, 8, 7, 3, 5, 16};
  fuzz::input from{data, size};
  test::temporary_folder folder;
  auto file = folder / "registry.sqlite";
  std::filesystem::copy_file(sound(), file);
  switch (from.number<std::uint8_t>() % 3) {
    case 0:
      fuzz::spoil(file, from);
      break;
    case 1:
      for (int rows = 0; rows < 16 && !from.empty(); ++rows) {
        auto table = from.number<std::uint8_t>() % std::size(tables);
        fuzz::try_sql(file, std::string{"INSERT OR REPLACE INTO "} + tables[table] + " VALUES " +
                                fuzz::row(from, columns[table]));
        if (table != 0)
          fuzz::try_sql(file, std::string{"UPDATE OR IGNORE "} + tables[table] + " SET tenant = 'a', id = 'talk'");
      }
      break;
    default:
      write_row(file, from);
  }
  io::fsck::check({.folder = folder.path(), .vocabulary = vocabulary});
  io::fsck::check({.folder = folder.path(), .repair = true, .vocabulary = vocabulary});
  try {
    serve(folder.path());
  } catch (const io::open_error& e) {
    fuzz::must(std::string_view{e.what()}.find('\n') == std::string_view::npos);
  }
  return 0;
}

// Keys and values in DNA beside the transcript: whether they come back as they were, and what they cost.

#include <algorithm>
#include <fstream>
#include <map>
#include <thread>

#include <fmt/format.h>

#include "archive/tubes.hpp"
#include "bench/archive/client_calls.hpp"
#include "bench/archive/parts.hpp"
#include "bench/served/own_server.hpp"
#include "io/cache_folders.hpp"
#include "io/catalog_format.hpp"
#include "io/chunk_store.hpp"
#include "io/segments.hpp"
#include "io/temporary_folder.hpp"

namespace chromatin::bench {
namespace {

namespace fs = std::filesystem;
using chunk_bytes = std::map<kv::chunk_key, std::string>;

constexpr std::uint32_t kv_conversations = 4, kv_answer_tokens = 24;
constexpr std::size_t turns_before = 3;

/// What a store at rest has on its disk.
chunk_bytes chunks_in(const fs::path& store) {
  chunk_bytes all;
  for (const auto& cache : io::caches_in(store)) {
    io::database db{cache.folder / "catalog.sqlite", io::open_mode::look};
    const auto shape = io::catalog_format::geometry_of(io::catalog_format::meta(db, "geometry")).value();
    const io::slot_layout layout{
        shape.chunk_bytes(),
        io::catalog_format::number_of("segment_slots", io::catalog_format::meta(db, "segment_slots")), 0};
    io::statement rows{db, "SELECT key, slot, fill FROM chunks"};
    while (rows.step()) {
      const auto at = layout.at(static_cast<std::uint32_t>(rows.integer(1)));
      std::string bytes(shape.packed_bytes(static_cast<std::uint32_t>(rows.integer(2))), '\0');
      std::ifstream segment{io::segment_name(cache.folder, at.segment), std::ios::binary};
      segment.seekg(static_cast<std::streamoff>(at.offset_bytes))
          .read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      if (!segment) throw std::runtime_error{"a chunk of " + cache.folder.string() + " cannot be read"};
      all.emplace(io::list_of<kv::chunk_key>(rows.blob(0)).at(0), std::move(bytes));
    }
  }
  return all;
}

/// Of the files of this name in all tubes.
struct in_dna {
  std::uint64_t bytes = 0, strands = 0;
};
in_dna files_in(const fs::path& folder, std::string_view name) {
  in_dna sum;
  const archive::tubes tubes{folder, dna::built_in_profile("archive")};
  for (const auto& tube : tubes.all()) {
    const auto store = dna::store::open(folder / tube, dna::store::access::read);
    for (const auto& file : store.contents().list())
      if (file.path.ends_with(name)) {
        sum.bytes += file.size_bytes;
        for (const auto& part : file.blocks)  // with what of them was updated
          sum.strands += (part.last - part.base + 1) * store.layout().geometry().molecules();
      }
  }
  return sum;
}

class kv_trip {
 public:
  kv_trip(const archive_setup& setup, const fs::path& folder)
      : setup_{setup}, folder_{folder}, users_{bundled_users(std::min(setup.conversations, kv_conversations))} {
    std::erase_if(users_, [](const auto& turns) { return turns.size() <= turns_before; });
  }

  nlohmann::ordered_json operator()() {
    {
      const own_server server{folder_, options("went", false)};
      rpc::client client{server.rpc()};
      for (std::size_t turn = 0; turn < turns_before; ++turn) say(client, turn);
    }
    const auto before = chunks_in(folder_ / "went");
    fs::copy(folder_ / "went", folder_ / "stayed", fs::copy_options::recursive);
    travel("stored", [](auto& client, const auto& id) { client.archive(id, true); });
    const auto left = chunks_in(folder_ / "went").size();
    const auto reads = travel("settled", [](auto& client, const auto& id) { client.recall(id, true); });
    return compare(before, left, reads);
  }

 private:
  std::vector<std::string> options(const std::string& store, bool archive) const {
    std::vector<std::string> all{"--model", setup_.embedded.string(), "--disk", folder_ / store, "--compute",
                                 "f32",     "--deterministic"};
    if (archive) {
      const auto more = archive_words(setup_, folder_, "reject");
      all.insert(all.end(), more.begin(), more.end());
    }
    return all;
  }
  static std::string name_of(std::size_t who) { return fmt::format("talk-{}", who); }

  /// Everybody's next turn.
  std::vector<rpc::turn_report> say(rpc::client& client, std::size_t turn) const {
    std::vector<rpc::turn_report> all;
    for (std::size_t who = 0; who < users_.size(); ++who) {
      rpc::say_options said{.text = users_[who][turn]};
      said.sampling.tokens_max = kv_answer_tokens;
      all.push_back(client.open(name_of(who)).say(said));
    }
    return all;
  }

  /// Everybody's way into DNA or back, with a server of its own; the reads that were ordered.
  std::int64_t travel(const std::string& state, const auto& ask) const {
    const own_server server{folder_, options("went", true)};
    rpc::client client{server.rpc()};
    for (std::size_t who = 0; who < users_.size(); ++who) ask(client, name_of(who));
    for (;; std::this_thread::sleep_for(std::chrono::milliseconds{200})) {
      std::size_t there = 0;
      for (const auto& one : client.archives()) {
        if (!one.failure.empty()) throw std::runtime_error{fmt::format("{} stops: {}", one.id, one.failure)};
        there += one.state == state;
      }
      const bool copies_gone = state != "stored" || (client.list().empty() && counter(client, "disk", "chunks") == 0);
      if (there == users_.size() && copies_gone) return counter(client, "archivist", "reads_ordered");
    }
  }

  nlohmann::ordered_json compare(const chunk_bytes& before, std::size_t left, std::int64_t reads) const {
    const auto after = chunks_in(folder_ / "went");
    std::size_t same = 0, bytes = 0;
    for (const auto& [key, content] : after) {
      const auto found = before.find(key);
      same += found != before.end() && found->second == content;
      bytes += content.size();
    }
    const auto next = [&](const std::string& store) {
      const own_server server{folder_, options(store, false)};
      rpc::client client{server.rpc()};
      return say(client, turns_before);
    };
    const auto went = next("went"), stayed = next("stayed");
    std::uint64_t answers_same = 0, prompt = 0, computed = 0, computed_stayed = 0;
    for (std::size_t who = 0; who < users_.size(); ++who) {
      answers_same += went[who].text == stayed[who].text;
      prompt += went[who].server.prompt_tokens;
      computed += went[who].server.computed_tokens;
      computed_stayed += stayed[who].server.computed_tokens;
    }
    const auto kv = files_in(folder_ / "dna" / "tubes", "/kv"),
               text = files_in(folder_ / "dna" / "tubes", "/transcript");
    say_line(
        fmt::format("{} conversations with keys and values: {} chunks on the disk before, {} while they were in "
                    "DNA, {} afterwards, {} of them bit by bit what they were",
                    users_.size(), before.size(), left, after.size(), same));
    say_line(
        fmt::format("{} bytes of chunks are {} bytes and {} strands in DNA, their transcripts {} bytes and {} "
                    "strands; recalled with {} reads",
                    bytes, kv.bytes, kv.strands, text.bytes, text.strands, reads));
    say_line(
        fmt::format("their next turns compute {} of {} prompt tokens, {} where they never left; {} of {} answers "
                    "are the same",
                    computed, prompt, computed_stayed, answers_same, users_.size()));
    return {{"conversations", users_.size()},
            {"chunks_before", before.size()},
            {"chunks_while_away", left},
            {"chunks_after", after.size()},
            {"chunks_same", same},
            {"bytes", bytes},
            {"kv_bytes", kv.bytes},
            {"kv_strands", kv.strands},
            {"transcript_bytes", text.bytes},
            {"transcript_strands", text.strands},
            {"reads", reads},
            {"computed_tokens", computed},
            {"computed_tokens_stayed", computed_stayed},
            {"prompt_tokens", prompt},
            {"answers_same", answers_same}};
  }

  const archive_setup& setup_;
  fs::path folder_;
  std::vector<user_turns> users_;
};

}  // namespace

nlohmann::ordered_json archive_kv(const archive_setup& setup) {
  io::temporary_folder folder{fs::temp_directory_path()};
  return kv_trip{setup, folder.path()}();
}

}  // namespace chromatin::bench

#include "dna/reads/partition_reads.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <numeric>
#include <thread>

#include <fmt/format.h>

namespace chromatin::dna {

namespace {

/// Below this, reads disagree on a symbol (consensus::confidence: one read alone has 1/2).
constexpr float doubtful = 0.45F;
/// A block with less than this share of the usual reads is a trace.
constexpr double trace_share = 0.1;
/// From here on, reads are sure of a symbol: two that agree have 2/3.
constexpr float trusted = 0.6F;
/// A molecule with less than this share of its block's usual reads may be one that is not in the tube.
constexpr double rare_share = 0.25;
/// Times that reads are aligned anew to what their block's other molecules tell.
constexpr int erasure_rounds_max = 4;

std::uint64_t key_of(const block_id& id) { return std::uint64_t{id.leaf} << 32 | id.version; }
block_id id_of(std::uint64_t key) { return {static_cast<std::uint32_t>(key >> 32), static_cast<std::uint32_t>(key)}; }

/// Symbols of a block's molecules with how sure the reads are of each.
struct sheet {
  std::vector<molecule_symbols> symbols;       // empty for molecules without a read
  std::vector<std::vector<float>> confidence;  // as long; 0 where the symbol is unreadable
  std::vector<std::uint32_t> reads;            // of each, foreign ones too; 0 where it is known without them
  std::vector<std::uint32_t> agreeing;         // of these
  std::uint64_t foreign_reads = 0;

  sheet(const std::vector<molecule_reads>& from, const profile& g)
      : symbols(from.size()), confidence(from.size()), reads(from.size()), agreeing(from.size()) {
    for (std::size_t m = 0; m < from.size(); ++m) {
      if (from[m].empty()) continue;
      const auto called = from[m].call(g.payload_nt);
      reads[m] = from[m].reads();
      agreeing[m] = called.reads;
      foreign_reads += called.foreign_reads;
      put(m, called, g.symbols());
    }
  }

  void put(std::size_t molecule, const consensus& called, std::uint32_t count) {
    symbols[molecule] = symbols_of(called.bases, count);
    confidence[molecule].clear();
    for (std::uint32_t s = 0; s < count; ++s)
      confidence[molecule].push_back(
          symbols[molecule][s] == erased ? 0 : std::min(called.confidence[2 * s], called.confidence[2 * s + 1]));
  }

  std::uint32_t missing() const {
    return static_cast<std::uint32_t>(
        std::count_if(symbols.begin(), symbols.end(), [](const auto& one) { return one.empty(); }));
  }

  /// Molecules with far fewer reads than others, those with the fewest first.
  std::vector<std::size_t> rare() const {
    std::vector<std::size_t> order;
    for (std::size_t m = 0; m < symbols.size(); ++m)
      if (!symbols[m].empty() && reads[m] > 0) order.push_back(m);
    std::ranges::stable_sort(order, {}, [&](std::size_t m) { return reads[m]; });
    if (order.empty()) return order;
    const auto usual = static_cast<double>(reads[order[order.size() / 2]]);
    std::erase_if(order, [&](std::size_t m) { return static_cast<double>(reads[m]) >= rare_share * usual; });
    return order;
  }
  void leave_out(std::size_t molecule) {
    symbols[molecule].clear();
    confidence[molecule].clear();
  }

  std::vector<molecule_symbols> trusted_symbols() const {
    auto made = symbols;
    for (std::size_t m = 0; m < made.size(); ++m)
      for (std::size_t s = 0; s < made[m].size(); ++s)
        if (confidence[m][s] < trusted) made[m][s] = erased;
    return made;
  }

  /// In every codeword, erases the `at_most` symbols that reads are least sure of, among those below `limit`.
  std::vector<molecule_symbols> erase(std::uint32_t at_most, float limit) const {
    auto made = symbols;
    const std::size_t codewords = [&] {
      for (const auto& one : symbols)
        if (!one.empty()) return one.size();
      return std::size_t{0};
    }();
    std::vector<std::size_t> weak;
    for (std::size_t c = 0; c < codewords; ++c) {
      weak.clear();
      for (std::size_t m = 0; m < symbols.size(); ++m)
        if (!symbols[m].empty() && confidence[m][c] < limit) weak.push_back(m);
      const auto count = std::min<std::size_t>(weak.size(), at_most);
      std::partial_sort(weak.begin(), weak.begin() + static_cast<std::ptrdiff_t>(count), weak.end(),
                        [&](std::size_t a, std::size_t b) { return confidence[a][c] < confidence[b][c]; });
      for (std::size_t i = 0; i < count; ++i) made[weak[i]][c] = erased;
    }
    return made;
  }
};

/// First what reads disagree on, then, as the checksum says no, other guesses at where the errors are: erasing what is
/// least sure, which costs half of what finding an error does.
block_decoding decode_with_erasures(const block_codec& codec, const block_id& id, const sheet& read) {
  const auto parity = codec.geometry().parity_molecules;
  const auto missing = read.missing();
  auto first = codec.decode(id, read.erase(parity - std::min(parity, missing), doubtful));
  if (first.decoded || missing > parity) return first;
  const auto spare = parity - missing;
  for (std::uint32_t i = 0; i <= spare; ++i) {
    // As many as there is parity for, and in between leaving room for errors nobody suspects.
    const auto at_most = i == 0 ? spare : spare - i;
    if (auto again = codec.decode(id, read.erase(at_most, 2)); again.decoded) return again;
  }
  // Those that are not in the tube are made up by misprimed copies of others, and the more reads, the more surely.
  auto fewer = read;
  auto left = spare;
  for (const auto molecule : read.rare()) {
    if (left-- == 0) break;
    fewer.leave_out(molecule);
    if (auto again = codec.decode(id, fewer.erase(left, doubtful)); again.decoded) return again;
  }
  return first;
}

/// What stands behind a short content is zeros: where reads of a molecule say so, it and those after it are known, read
/// or not, and the others have all the parity. Which number the scramble has is seen at the zeros.
block_decoding decode_padded(const block_codec& codec, const block_id& id, const sheet& read) {
  const auto& g = codec.geometry();
  const partial_block part{id, read.symbols};
  auto zeros = codec.nothing_known();
  const auto know = [&](std::uint32_t first, std::uint32_t last) {
    for (std::size_t at = 0; at < zeros.known.size(); ++at)
      zeros.known[at] = at / g.payload_bytes() >= first && at / g.payload_bytes() < last;
  };
  auto last = g.data_molecules - 1;
  for (; last > 0 && !zeros.number; --last) {
    know(last, last + 1);
    zeros.number = codec.find_number(part, zeros);
  }
  for (std::uint32_t first = 1; zeros.number && first <= last + 1; ++first) {
    know(first, g.data_molecules);
    const auto rows = codec.hide(id, zeros);
    auto filled = read;
    for (auto m = first; m < g.data_molecules; ++m) {
      filled.symbols[m] = rows[m];
      filled.confidence[m].assign(g.symbols(), 1);
      filled.reads[m] = 0;
    }
    if (auto made = decode_with_erasures(codec, id, filled); made.decoded) return made;
  }
  return {};
}

/// Of a block that was not decoded at first; nothing, if it still is not.
void decoded_after_all(block_outcome& outcome, std::optional<block> made) {
  if (!made) return;
  outcome.decoded = std::move(made);
  outcome.part.reset();
  outcome.reason.clear();
}

/// Of what decoded, or else of the most that there is.
void mark_traces(std::vector<block_outcome>& outcomes) {
  std::vector<std::uint64_t> decoded;
  std::uint64_t usual = 0;
  for (const auto& one : outcomes) {
    usual = std::max(usual, one.reads - one.foreign_reads);
    if (one.decoded) decoded.push_back(one.reads);
  }
  if (!decoded.empty()) {
    const auto middle = decoded.begin() + static_cast<std::ptrdiff_t>(decoded.size() / 2);
    std::nth_element(decoded.begin(), middle, decoded.end());
    usual = *middle;
  }
  for (auto& one : outcomes)
    one.trace =
        !one.decoded && static_cast<double>(one.reads - one.foreign_reads) < trace_share * static_cast<double>(usual);
  for (auto& one : outcomes)
    if (one.trace) one.part.reset();
}

/// What a block's other molecules tell of each: bases, and N where nothing is known. Empty where no codeword tells.
std::vector<std::string> drafts_of(const block_codec& codec, const sheet& read) {
  const auto& g = codec.geometry();
  const auto parity = g.parity_molecules;
  if (read.missing() > parity) return {};
  const auto codewords = codec.read_codewords(read.erase(parity - read.missing(), doubtful));
  constexpr int spare_wanted = 2;
  const auto told = std::count_if(codewords.begin(), codewords.end(), [](const auto& one) { return one.spare >= 1; });
  const auto sure =
      std::count_if(codewords.begin(), codewords.end(), [](const auto& one) { return one.spare >= spare_wanted; });
  const int spare = 4 * sure >= static_cast<std::ptrdiff_t>(codewords.size()) ? spare_wanted : 1;
  if (told == 0) return {};
  std::vector<std::string> drafts(g.molecules(), std::string(g.payload_nt, 'N'));
  for (std::size_t c = 0; c < codewords.size(); ++c) {
    if (codewords[c].spare < spare) continue;
    for (std::size_t m = 0; m < drafts.size(); ++m) {
      drafts[m][2 * c] = "ACGT"[codewords[c].symbols[m] >> 2];
      drafts[m][2 * c + 1] = "ACGT"[codewords[c].symbols[m] & 3];
    }
  }
  return drafts;
}

/// Molecules of few reads are shifted where these lost or gained a base. The codewords that could be corrected with
/// parity to spare tell what these molecules have there, and so where the shift begins: reads are aligned to that.
/// `drafts`: what they were aligned to last. False where there is nothing new to align them to.
bool align_again(const block_codec& codec, const std::vector<molecule_reads>& from, sheet& read,
                 std::vector<std::string>& drafts) {
  auto told = drafts_of(codec, read);
  if (told.empty() || told == drafts) return false;
  drafts.resize(told.size());
  for (std::size_t m = 0; m < from.size(); ++m) {
    if (from[m].empty() || told[m] == drafts[m]) continue;
    const auto called = from[m].call_against(told[m]);
    if (called.reads > 0) read.put(m, called, codec.geometry().symbols());
  }
  drafts = std::move(told);
  return true;
}

block_decoding decode_without_erasures(const block_codec& codec, const block_id& id, const sheet& read) {
  auto all = read.symbols;
  for (auto& one : all) {
    one.resize(codec.geometry().symbols(), 0);
    std::replace(one.begin(), one.end(), erased, std::uint8_t{0});
  }
  return codec.decode(id, all);
}

}  // namespace

read_blocks blocks_of(std::span<const block_outcome> outcomes) {
  read_blocks made;
  for (const auto& one : outcomes) {
    if (one.decoded) made.whole.push_back(*one.decoded);
    if (one.part) made.parts.push_back(*one.part);
  }
  return made;
}

partition_reads::partition_reads(const block_codec& codec) : codec_{codec}, shards_(shards) {}

void partition_reads::add(const parsed_strand& strand) {
  auto& block = shards_[shard_of(strand.id.leaf)][key_of({strand.id.leaf, strand.id.version})];
  if (block.empty()) block.resize(codec_.geometry().molecules());
  block[strand.id.molecule].add(strand.payload, strand.quality);
}

block_outcome partition_reads::decode_block(const block_id& id, const molecules& from, erasure_use erasures) const {
  const auto& g = codec_.geometry();
  sheet read{from, g};
  block_outcome outcome{.id = id,
                        .reads = std::accumulate(read.reads.begin(), read.reads.end(), std::uint64_t{0}),
                        .foreign_reads = read.foreign_reads,
                        .molecules = static_cast<std::uint32_t>(from.size()) - read.missing()};
  auto result = erasures == erasure_use::full ? decode_with_erasures(codec_, id, read)
                                              : decode_without_erasures(codec_, id, read);
  std::vector<std::string> drafts;
  for (int round = 0; !result.decoded && erasures == erasure_use::full && round < erasure_rounds_max; ++round) {
    if (!align_again(codec_, from, read, drafts)) break;
    if (auto again = decode_with_erasures(codec_, id, read); again.decoded) result = std::move(again);
  }
  if (result.decoded) {
    outcome.decoded = std::move(result.decoded);
    return outcome;
  }
  if (g.outer > 0) outcome.part = partial_block{id, read.trusted_symbols()};
  std::string wanting;
  for (std::size_t m = 0; m < from.size(); ++m)
    if (read.agreeing[m] < 3) wanting += fmt::format("{}{} ({})", wanting.empty() ? "" : ", ", m, read.agreeing[m]);
  outcome.reason =
      result.reason + (wanting.empty() ? "; more reads of it are needed"
                                       : "; needs more reads of molecules " + wanting + " (reads that agree so far)");
  return outcome;
}

void partition_reads::decode_short(const molecules& from, block_outcome& outcome) const {
  decoded_after_all(outcome, decode_padded(codec_, outcome.id, sheet{from, codec_.geometry()}).decoded);
}

void partition_reads::decode_without_copies(const molecules& from, const known_payloads& known,
                                            block_outcome& outcome) const {
  auto own = from;
  bool fewer = false;
  for (auto& one : own) fewer |= one.set_aside([&](std::string_view payload) { return known.explain(payload); });
  if (!fewer) return;
  auto again = decode_block(outcome.id, own, erasure_use::full);
  if (!again.decoded) decode_short(own, again);
  outcome.part = std::move(again.part);
  decoded_after_all(outcome, std::move(again.decoded));
}

void partition_reads::explain(const known_payloads& known, std::vector<block_outcome>& outcomes) const {
  for (auto& one : outcomes) {
    if (one.decoded) continue;
    const auto& shard = shards_[shard_of(one.id.leaf)];
    const auto found = shard.find(key_of(one.id));
    if (found == shard.end()) continue;
    one.unexplained_reads = 0;
    for (const auto& molecule : found->second)
      molecule.for_each_kind([&](std::string_view payload, std::uint32_t count) {
        if (!known.explain(payload)) one.unexplained_reads += count;
      });
  }
}

std::vector<block_outcome> partition_reads::decode(
    unsigned threads, erasure_use erasures, const std::function<void(std::size_t, std::size_t)>& progress) const {
  std::vector<std::pair<std::uint64_t, const molecules*>> blocks;
  for (const auto& shard : shards_)
    for (const auto& [key, reads] : shard) blocks.emplace_back(key, &reads);
  std::sort(blocks.begin(), blocks.end());
  std::vector<block_outcome> outcomes(blocks.size());
  std::atomic<std::size_t> next{0}, done{0};
  std::mutex one_at_a_time;
  const auto work = [&] {
    for (std::size_t i; (i = next++) < blocks.size();) {
      outcomes[i] = decode_block(id_of(blocks[i].first), *blocks[i].second, erasures);
      const auto finished = ++done;
      if (progress && (finished % 16 == 0 || finished == blocks.size())) {
        const std::lock_guard lock{one_at_a_time};
        progress(finished, blocks.size());
      }
    }
  };
  {
    std::vector<std::jthread> others;
    for (unsigned i = 1; i < threads; ++i) others.emplace_back(work);
    work();
  }
  mark_traces(outcomes);
  if (erasures == erasure_use::none) return outcomes;
  // Of traces there are many, and nothing is expected of them.
  const auto is_wanted = [](const auto& one) { return !one.decoded && !one.trace; };
  for (std::size_t i = 0; i < blocks.size(); ++i)
    if (is_wanted(outcomes[i])) decode_short(*blocks[i].second, outcomes[i]);
  if (std::ranges::none_of(outcomes, is_wanted)) return outcomes;
  const known_payloads known{codec_, blocks_of(outcomes).whole};
  for (std::size_t i = 0; i < blocks.size(); ++i)
    if (is_wanted(outcomes[i])) decode_without_copies(*blocks[i].second, known, outcomes[i]);
  return outcomes;
}

}  // namespace chromatin::dna

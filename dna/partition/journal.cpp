#include "dna/partition/journal.hpp"

#include <fmt/format.h>

#include "dna/blocks/numbers.hpp"

namespace chromatin::dna {
namespace {

enum class kind : std::uint8_t { directory = 1, file = 2, update = 3, protect = 4, compressed = 5, own = 6 };

class writer {
 public:
  void number(std::uint64_t value) { put_number(bytes, value); }
  void text(const std::string& value) {
    number(value.size());
    bytes.insert(bytes.end(), value.begin(), value.end());
  }
  void fixed(std::uint32_t value) { put_fixed(bytes, value, sizeof value); }
  void runs(const std::vector<leaf_run>& all) {
    number(all.size());
    for (const auto& run : all) number(run.first), number(run.count);
  }

  void operator()(const make_directory& made) {
    number(static_cast<std::uint8_t>(kind::directory));
    number(made.parent), text(made.name);
  }
  void operator()(const put_file& put) {
    number(static_cast<std::uint8_t>(put.compressed ? kind::compressed : kind::file));
    number(put.parent), text(put.name), number(put.size_bytes), fixed(put.checksum), runs(put.runs);
  }
  void operator()(const update_file& update) {
    number(static_cast<std::uint8_t>(kind::update));
    number(update.file), number(update.size_bytes), fixed(update.checksum);
    number(update.patched.size());
    for (const auto block : update.patched) number(block);
    number(update.splices.size());
    for (const auto& splice : update.splices) number(splice.at), number(splice.removed), runs(splice.runs);
  }

  void operator()(const protect_blocks& protect) {
    number(static_cast<std::uint8_t>(kind::protect));
    runs(protect.runs);
  }
  void operator()(const own_leaves& own) {
    number(static_cast<std::uint8_t>(kind::own));
    number(own.directory), number(own.run.first), number(own.run.count);
  }

  byte_string bytes;
};

class reader {
 public:
  explicit reader(std::span<const std::uint8_t> bytes) : rest_{bytes} {}

  bool done() const { return rest_.empty(); }
  std::size_t left() const { return rest_.size(); }

  /// False, and nothing is taken, where the bytes end inside.
  bool try_number(std::uint64_t& value) {
    const auto reading = take_number(rest_, value);
    if (reading == number_reading::too_large) throw journal_error{"journal: a number of more than 63 bits"};
    return reading == number_reading::taken;
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    if (!try_number(value)) throw journal_error{"journal: a commit ends inside a number"};
    return value;
  }
  std::uint32_t small() {
    const auto value = number();
    if (value > 0xffff'ffffU) throw journal_error{"journal: a number of more than 32 bits"};
    return static_cast<std::uint32_t>(value);
  }
  std::span<const std::uint8_t> take(std::uint64_t count) {
    if (count > rest_.size()) throw journal_error{"journal: a commit ends too early"};
    const auto taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  std::string text() {
    const auto taken = take(number());
    return {taken.begin(), taken.end()};
  }
  std::uint32_t fixed() { return static_cast<std::uint32_t>(get_fixed(take(sizeof(std::uint32_t)))); }
  /// Of a list: every item takes at least a byte.
  std::size_t count() {
    const auto value = number();
    if (value > rest_.size()) throw journal_error{"journal: a list is longer than its commit"};
    return value;
  }
  std::vector<leaf_run> runs() {
    std::vector<leaf_run> all(count());
    for (auto& run : all) run.first = small(), run.count = small();
    return all;
  }

  operation next() {
    switch (const auto what = number(); static_cast<kind>(what)) {
      case kind::directory: {
        const auto parent = small();
        return make_directory{parent, text()};
      }
      case kind::file:
      case kind::compressed: {
        put_file put;
        put.compressed = static_cast<kind>(what) == kind::compressed;
        put.parent = small(), put.name = text(), put.size_bytes = number(), put.checksum = fixed(), put.runs = runs();
        return put;
      }
      case kind::update: {
        update_file update;
        update.file = small(), update.size_bytes = number(), update.checksum = fixed();
        update.patched.resize(count());
        for (auto& block : update.patched) block = small();
        update.splices.resize(count());
        for (auto& splice : update.splices) splice.at = small(), splice.removed = small(), splice.runs = runs();
        return update;
      }
      case kind::protect:
        return protect_blocks{runs()};
      case kind::own: {
        own_leaves own;
        own.directory = small(), own.run.first = small(), own.run.count = small();
        return own;
      }
      default:
        throw journal_error{fmt::format("journal: operation {} is not known: written by a newer version?", what)};
    }
  }

 private:
  std::span<const std::uint8_t> rest_;
};

}  // namespace

byte_string encode(const recorded_commit& commit, journal_format format) {
  writer body;
  if (format == journal_format::numbered) body.number(commit.number);
  for (const auto& one : commit.changes) std::visit(body, one);
  writer whole;
  whole.number(body.bytes.size());
  whole.bytes.insert(whole.bytes.end(), body.bytes.begin(), body.bytes.end());
  return whole.bytes;
}

std::vector<recorded_commit> decode_journal(std::span<const std::uint8_t> bytes, journal_format format) {
  std::vector<recorded_commit> commits;
  reader stream{bytes};
  for (std::uint64_t length = 0; stream.try_number(length) && length <= stream.left();) {
    reader body{stream.take(length)};
    const auto before = commits.empty() ? 0 : commits.back().number;
    recorded_commit commit{before + 1, {}};
    if (format == journal_format::numbered) commit.number = body.small();
    if (commit.number <= before) throw journal_error{fmt::format("journal: commit {} after {}", commit.number, before)};
    while (!body.done()) commit.changes.push_back(body.next());
    commits.push_back(std::move(commit));
  }
  return commits;
}

}  // namespace chromatin::dna

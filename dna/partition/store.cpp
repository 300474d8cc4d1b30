#include "dna/partition/store.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>
#include <xxhash.h>

#include "dna/partition/files.hpp"
#include "dna/reads/reads.hpp"

namespace chromatin::dna {
namespace {

namespace fs = std::filesystem;

constexpr auto description_file = "partition.toml", oligo_file = "oligos.fa", orders_file = "orders.csv";
constexpr std::string_view orders_header = "order,first_strand,strands\n";

/// Held while the folder is written to.
class folder_lock {
 public:
  explicit folder_lock(const fs::path& folder)
      : number_{::open((folder / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)} {
    if (number_ < 0) throw store_error{fmt::format("{} cannot be written to", folder.string())};
    if (::flock(number_, LOCK_EX | LOCK_NB) != 0) {
      ::close(number_);
      throw store_error{fmt::format("{} is being written to by another command: wait for it to end", folder.string())};
    }
  }
  ~folder_lock() { ::close(number_); }
  folder_lock(const folder_lock&) = delete;
  folder_lock& operator=(const folder_lock&) = delete;

 private:
  int number_;
};

std::vector<synthesis_order> read_orders(const fs::path& file) {
  std::vector<synthesis_order> orders;
  if (!fs::exists(file)) return orders;
  const auto text = read_file(file);
  std::string_view rest{text};
  const auto fail = [&] { throw store_error{fmt::format("{}: line {} is damaged", file.string(), orders.size() + 2)}; };
  if (!rest.starts_with(orders_header)) fail();
  rest.remove_prefix(orders_header.size());
  std::size_t next = 0;
  while (!rest.empty()) {
    std::size_t values[3]{};
    const char* at = rest.data();
    const char* end = rest.data() + rest.size();
    for (int i = 0; i < 3; ++i) {
      const auto [stop, error] = std::from_chars(at, end, values[i]);
      if (error != std::errc{} || stop == end || *stop != (i < 2 ? ',' : '\n')) fail();
      at = stop + 1;
    }
    if (values[0] != orders.size() + 1 || values[1] != next) fail();
    orders.push_back({static_cast<std::uint32_t>(values[0]), values[1], values[2]});
    next += values[2];
    rest = {at, static_cast<std::size_t>(end - at)};
  }
  return orders;
}

}  // namespace

struct store::state {
  state(fs::path where, partition_description description)
      : folder{std::move(where)}, layout{std::move(description)}, codec{layout}, contents{layout.partition()} {}

  fs::path folder;
  std::unique_ptr<folder_lock> lock;
  strand_layout layout;
  block_codec codec;
  partition contents;
  std::vector<block_id> blocks;
  std::string strands;
  std::vector<synthesis_order> orders;
  bool is_counted = false;        // partition.toml says how many strands there are
  std::uintmax_t text_bytes = 0;  // of these in oligos.fa, as it is written here; where it may be written

  void read_oligos(std::uint64_t strands_max);
  void check(const contents_note& note) const;
  void write_note();
  std::string text_of_strands(std::size_t first) const;
  void write_strands(std::size_t first);
};

std::string strand_name(const strand_id& id) { return fmt::format("{:04}.{}.{:02}", id.leaf, id.version, id.molecule); }

fs::path store_with_primers(const fs::path& parent, const primer_pair& primers) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator{parent, ignored}) try {
      const auto file = entry.path() / description_file;
      if (!fs::exists(file)) continue;
      const auto other = description_from_toml(read_file(file), file.string()).primers;
      for (const auto* primer : {&primers.forward, &primers.reverse})
        if (*primer == other.forward || *primer == other.reverse) return entry.path();
    } catch (const std::exception&) {
      // Not ours to judge: whoever opens that folder is told what is wrong with it.
    }
  return {};
}

store::store(std::unique_ptr<state> opened) : state_{std::move(opened)} {}
store::store(store&&) noexcept = default;
store::~store() = default;

store store::create(const fs::path& folder, const partition_description& description) {
  if (fs::exists(folder) && !(fs::is_directory(folder) && fs::is_empty(folder)))
    throw store_error{fmt::format("{} is there already and not empty: choose another folder", folder.string())};
  const auto parent = fs::absolute(folder).lexically_normal().parent_path();
  if (const auto other = store_with_primers(parent, description.primers); !other.empty())
    throw store_error{
        fmt::format("{} has one of these primers: what is in one tube could not be told apart; choose another pair",
                    other.string())};
  auto made = std::make_unique<state>(folder, description);
  fs::create_directories(folder);
  made->lock = std::make_unique<folder_lock>(folder);
  replace_file(folder / description_file, to_toml(made->layout.partition()));
  return store{std::move(made)};
}

store store::open(const fs::path& folder, access how) {
  const auto file = folder / description_file;
  if (!fs::exists(file))
    throw store_error{
        fmt::format("{} is no store, it has no {}: make one with init", folder.string(), description_file)};
  const auto text = read_file(file);
  auto opened = std::make_unique<state>(folder, description_from_toml(text, file.string()));
  if (how == access::write) opened->lock = std::make_unique<folder_lock>(folder);
  const auto note = contents_from_toml(text, file.string());
  opened->is_counted = note.has_value();
  opened->read_oligos(note ? note->strands : std::numeric_limits<std::uint64_t>::max());
  if (how == access::write) opened->text_bytes = opened->text_of_strands(0).size();
  opened->orders = read_orders(folder / orders_file);
  if (note) opened->check(*note);
  store found{std::move(opened)};
  if (found.ordered() > found.strand_count())
    throw store_error{fmt::format("{}: {} strands were ordered, but {} has {}", folder.string(), found.ordered(),
                                  oligo_file, found.strand_count())};
  return found;
}

/// What is behind so many strands is a commit that was cut off.
void store::state::read_oligos(std::uint64_t strands_max) {
  const auto file = folder / oligo_file;
  if (!fs::exists(file)) return;
  const auto& g = layout.geometry();
  std::map<block_id, std::vector<molecule_symbols>> found;
  read_source source{file};
  std::size_t number = 0;
  for (read one; number < strands_max && source.next(one); ++number) {
    const std::string_view bases{one.bases};
    const auto parsed =
        bases.size() == g.strand_nt() && bases.starts_with(layout.head()) && bases.ends_with(layout.tail())
            ? layout.parse(bases.substr(g.primer_nt, bases.size() - 2 * g.primer_nt))
            : std::nullopt;
    if (!parsed || parsed->edits > 0)
      throw store_error{fmt::format("{}: strand {} ({}) is not of this partition, or damaged: restore the file",
                                    file.string(), number + 1, one.name)};
    const block_id id{parsed->id.leaf, parsed->id.version};
    if (number % g.molecules() == 0) blocks.push_back(id);
    const bool again = number % g.molecules() == 0 && found.contains(id);
    if (again || id != blocks.back() || parsed->id.molecule != number % g.molecules())
      throw store_error{
          fmt::format("{}: strand {} ({}) is out of order: restore the file", file.string(), number + 1, one.name)};
    auto& molecules = found[id];
    molecules.resize(g.molecules());
    molecules[parsed->id.molecule] = symbols_of(parsed->payload, g.symbols());
    strands += bases;
  }
  std::vector<block> decoded;
  for (const auto& id : blocks) {
    const auto result = codec.decode(id, found.at(id));
    if (!result.decoded || result.symbols_corrected > 0)
      throw store_error{fmt::format("{}: the strands of {} are damaged: restore the file", file.string(), text_of(id))};
    decoded.push_back(*result.decoded);
  }
  contents = partition{layout.partition(), std::move(decoded)};
}

std::string store::state::text_of_strands(std::size_t first) const {
  const std::size_t length = layout.geometry().strand_nt(), molecules = layout.geometry().molecules();
  std::string text;
  for (auto i = first; i < blocks.size() * molecules; ++i) {
    const auto& block = blocks[i / molecules];
    text.append(">").append(strand_name({block.leaf, block.version, static_cast<std::uint32_t>(i % molecules)}));
    text.append("\n").append(strands, i * length, length).append("\n");
  }
  return text;
}

/// Behind what is counted, where the file has just that. One that has more, or was written by somebody else, is
/// replaced, and so is one that nothing counts.
void store::state::write_strands(std::size_t first) {
  const auto file = folder / oligo_file;
  const auto added = text_of_strands(first);
  std::error_code none;
  if (is_counted && fs::file_size(file, none) == text_bytes && !none)
    append_to_file(file, text_bytes, added);
  else
    replace_file(file, text_of_strands(0));
  text_bytes += added.size();
}

/// Lines that were lost at a file's end leave a file that looks whole: older content would pass for the newest.
void store::state::check(const contents_note& note) const {
  const auto strand_nt = layout.geometry().strand_nt();
  const auto counted = note.strands * strand_nt;
  if (counted > strands.size())
    throw store_error{fmt::format("{}: {} strands, but {} counts {}: its last lines were lost; restore the file",
                                  (folder / oligo_file).string(), strands.size() / strand_nt, description_file,
                                  note.strands)};
  if (XXH3_64bits(strands.data(), counted) != note.checksum || contents.last_commit() < note.commits)
    throw store_error{fmt::format("{}: these are not the strands that {} has the checksum of; restore the file",
                                  (folder / oligo_file).string(), description_file)};
  if (orders.size() < note.orders)
    throw store_error{fmt::format("{}: {} orders, but {} counts {}: its last lines were lost; restore the file",
                                  (folder / orders_file).string(), orders.size(), description_file, note.orders)};
}

void store::state::write_note() {
  const contents_note note{contents.last_commit(), strands.size() / layout.geometry().strand_nt(),
                           XXH3_64bits(strands.data(), strands.size()), static_cast<std::uint32_t>(orders.size())};
  replace_file(folder / description_file, to_toml(layout.partition(), note));
  is_counted = true;
}

const fs::path& store::folder() const { return state_->folder; }
const strand_layout& store::layout() const { return state_->layout; }
const block_codec& store::codec() const { return state_->codec; }
const partition& store::contents() const { return state_->contents; }
const std::vector<block_id>& store::blocks() const { return state_->blocks; }
const std::vector<synthesis_order>& store::orders() const { return state_->orders; }

std::size_t store::strand_count() const { return state_->blocks.size() * layout().geometry().molecules(); }

std::string_view store::strand(std::size_t number) const {
  const auto length = layout().geometry().strand_nt();
  return std::string_view{state_->strands}.substr(number * length, length);
}

strand_id store::id(std::size_t number) const {
  const auto molecules = layout().geometry().molecules();
  const auto& block = state_->blocks.at(number / molecules);
  return {block.leaf, block.version, static_cast<std::uint32_t>(number % molecules)};
}

std::size_t store::ordered() const {
  return state_->orders.empty() ? 0 : state_->orders.back().first + state_->orders.back().strands;
}

std::vector<block> store::put(std::span<const new_file> files) {
  auto next = state_->contents;
  auto blocks = next.put(files);
  append(blocks);
  state_->contents = std::move(next);
  if (!blocks.empty()) state_->write_note();
  return blocks;
}

std::vector<block> store::update(std::string_view path, std::span<const std::uint8_t> content) {
  auto next = state_->contents;
  auto blocks = next.update(path, content);
  append(blocks);
  state_->contents = std::move(next);
  if (!blocks.empty()) state_->write_note();
  return blocks;
}

/// The file first, then memory: where writing fails, nothing has changed.
void store::append(std::span<const block> added) {
  if (!state_->lock) throw std::logic_error{"the store was opened for reading"};
  if (added.empty()) return;
  const auto blocks = state_->blocks.size();
  const auto strands = state_->strands.size();
  state_->strands += encode_all(codec(), added, std::thread::hardware_concurrency());
  for (const auto& one : added) state_->blocks.push_back(one.id);
  try {
    state_->write_strands(blocks * layout().geometry().molecules());
  } catch (...) {
    state_->blocks.resize(blocks);
    state_->strands.resize(strands);
    throw;
  }
}

void store::mark_ordered() {
  if (!state_->lock) throw std::logic_error{"the store was opened for reading"};
  if (ordered() == strand_count()) return;
  auto orders = state_->orders;
  orders.push_back({static_cast<std::uint32_t>(orders.size() + 1), ordered(), strand_count() - ordered()});
  std::string text{orders_header};
  for (const auto& one : orders) text += fmt::format("{},{},{}\n", one.number, one.first, one.strands);
  replace_file(folder() / orders_file, text);
  state_->orders = std::move(orders);
  state_->write_note();
}

}  // namespace chromatin::dna

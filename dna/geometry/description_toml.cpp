// The one place that reads and writes TOML.

#include <charconv>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "dna/geometry/description.hpp"

namespace chromatin::dna {
namespace {

toml::table parse(std::string_view text, std::string_view origin) {
  try {
    return toml::parse(text, origin);
  } catch (const toml::parse_error& error) {
    throw profile_error{fmt::format("{}:{}: {}", origin, error.source().begin.line, error.description())};
  }
}

/// Takes values out of a table, and complains about those that nobody asked for.
class fields {
 public:
  fields(const toml::table& table, std::string_view origin, std::string_view section)
      : table_{table}, where_{fmt::format("{}: [{}]", origin, section)} {}

  void take(std::string_view key, std::uint32_t& into) {
    if (const auto* node = find(key)) {
      const auto value = node->value_exact<std::int64_t>();
      if (!value || *value < 0 || *value > 1'000'000) fail(key, "must be a whole number");
      into = static_cast<std::uint32_t>(*value);
    }
  }
  void take(std::string_view key, std::uint64_t& into) {
    if (const auto* node = find(key)) {
      const auto value = node->value_exact<std::int64_t>();
      if (!value || *value < 0) fail(key, "must be a whole number");
      into = static_cast<std::uint64_t>(*value);
    }
  }
  void take(std::string_view key, bool& into) {
    if (const auto* node = find(key)) {
      if (!node->is_boolean()) fail(key, "must be true or false");
      into = *node->value<bool>();
    }
  }
  void take(std::string_view key, double& into) {
    if (const auto* node = find(key)) {
      if (!node->is_number()) fail(key, "must be a number");
      into = *node->value<double>();
    }
  }
  void take(std::string_view key, std::string& into) {
    if (const auto* node = find(key)) {
      if (!node->is_string()) fail(key, "must be a text in quotes");
      into = *node->value<std::string>();
    }
  }
  void take(std::string_view key, std::vector<std::string>& into) {
    const auto* node = find(key);
    if (!node) return;
    const auto* list = node->as_array();
    if (!list) fail(key, "must be a list of texts");
    into.clear();
    for (const auto& one : *list) {
      if (!one.is_string()) fail(key, "must be a list of texts");
      into.push_back(*one.value<std::string>());
    }
  }
  void take(std::string_view key, std::vector<std::uint32_t>& into) {
    const auto* node = find(key);
    if (!node) return;
    const auto* list = node->as_array();
    if (!list) fail(key, "must be a list of whole numbers");
    into.clear();
    for (const auto& one : *list) {
      const auto value = one.value_exact<std::int64_t>();
      if (!value || *value < 0 || *value > 1'000'000) fail(key, "must be a list of whole numbers");
      into.push_back(static_cast<std::uint32_t>(*value));
    }
  }
  /// "10%", or 0.1.
  void take_share(std::string_view key, double& into) {
    const auto* node = find(key);
    if (!node) return;
    if (!node->is_string()) return take(key, into);
    const auto text = *node->value<std::string>();
    double percent = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), percent);
    if (error != std::errc{} || std::string_view{end} != "%") fail(key, "must be a share like \"10%\"");
    into = percent / 100;
  }
  /// A key that is read elsewhere.
  void ask(std::string_view key) { find(key); }
  void finish() const {
    for (const auto& [key, node] : table_)
      if (!asked_.contains(std::string{key.str()}))
        throw profile_error{fmt::format("{} has no \"{}\": misspelt?", where_, key.str())};
  }

 private:
  const toml::node* find(std::string_view key) {
    asked_.emplace(key);
    return table_.get(key);
  }
  [[noreturn]] void fail(std::string_view key, std::string_view what) const {
    throw profile_error{fmt::format("{} {} {}", where_, key, what)};
  }

  const toml::table& table_;
  std::string where_;
  std::set<std::string> asked_;
};

/// Names are any bytes, a TOML file is text: what is not plain becomes %XX.
std::string plain(std::string_view path) {
  std::string made;
  for (const char letter : path)
    if (letter > ' ' && letter != '%' && letter != '"' && letter != '\\' && letter < 0x7f)
      made += letter;
    else
      made += fmt::format("%{:02X}", static_cast<unsigned char>(letter));
  return made;
}

std::string from_plain(std::string_view text) {
  std::string made;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    const auto* at = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() && std::from_chars(at, at + 2, byte, 16).ptr == at + 2)
      made += static_cast<char>(byte), i += 2;
    else
      made += text[i];
  }
  return made;
}

/// "PATH LEAVES" a line.
index_shape::file_leaves files_of(const std::vector<std::string>& lines, std::string_view origin) {
  index_shape::file_leaves files;
  for (const auto& line : lines) {
    const auto blank = line.rfind(' ');
    std::uint32_t leaves = 0;
    const auto* end = line.data() + line.size();
    if (blank == line.npos || std::from_chars(line.data() + blank + 1, end, leaves).ptr != end)
      throw profile_error{fmt::format("{}: index_files: \"{}\" is not a path and a number of leaves", origin, line)};
    files.emplace_back(from_plain(std::string_view{line}.substr(0, blank)), leaves);
  }
  return files;
}

/// index = "levels" or "hash" with fan_out = [16, 16, 4]; "directories" with index_files = ["alice/one.txt 12"].
index_shape index_of(fields& from, std::string_view origin) try {
  std::string kind = "quaternary";
  std::vector<std::uint32_t> fan_out;
  std::vector<std::string> files;
  from.take("index", kind);
  from.take("fan_out", fan_out);
  from.take("index_files", files);
  if (kind == "quaternary") return {};
  if (kind == "levels") return index_shape::of_levels(std::move(fan_out));
  if (kind == "hash") return index_shape::of_hash(std::move(fan_out));
  if (kind == "directories") return index_shape::of_files(files_of(files, origin));
  throw profile_error{
      fmt::format("{}: index = \"{}\", but there are quaternary, levels, hash and directories", origin, kind)};
} catch (const std::invalid_argument& error) {
  throw profile_error{fmt::format("{}: {}", origin, error.what())};
}

void put_index(const index_shape& index, toml::table& into) {
  using kind = index_shape::kind;
  if (index.quaternary()) return;
  into.insert("index", index.what() == kind::directories ? "directories"
                       : index.what() == kind::hash      ? "hash"
                                                         : "levels");
  toml::array list;
  for (const auto one : index.fan_out()) list.push_back(one);
  for (const auto& [path, leaves] : index.files()) list.push_back(fmt::format("{} {}", plain(path), leaves));
  into.insert(index.what() == kind::directories ? "index_files" : "fan_out", list);
}

constexpr std::pair<std::string_view, double price_list::*> all_prices[]{
    {"synthesis_per_nt", &price_list::synthesis_per_nt},
    {"per_million_reads", &price_list::per_million_reads},
    {"per_pcr", &price_list::per_pcr},
    {"disk_per_gib_month", &price_list::disk_per_gib_month},
    {"strand_store_per_year", &price_list::strand_store_per_year}};

/// prices = { synthesis_per_nt = 0.0004, … }
void take_prices(const toml::table& table, std::string_view origin, price_list& into) {
  const auto* node = table.get("prices");
  if (!node) return;
  if (!node->is_table()) throw profile_error{fmt::format("{}: [profile] prices must be a table", origin)};
  fields from{*node->as_table(), origin, "profile.prices"};
  for (const auto& [key, price] : all_prices) {
    from.take(key, into.*price);
    if (!(into.*price >= 0)) throw profile_error{fmt::format("{}: [profile.prices] {} is below 0", origin, key)};
  }
  from.finish();
}

profile profile_of(const toml::table& table, std::string_view origin) {
  fields from{table, origin, "profile"};
  std::string like = profile{}.name;
  from.take("like", like);
  profile found = built_in_profile(like);
  from.take("name", found.name);
  from.take("primer_nt", found.primer_nt);
  from.take("sync", found.sync);
  from.take("levels", found.levels);
  from.take("version_nt", found.version_nt);
  from.take("molecule_nt", found.molecule_nt);
  from.take("payload_nt", found.payload_nt);
  from.take("data_molecules", found.data_molecules);
  from.take("parity_molecules", found.parity_molecules);
  from.take_share("outer", found.outer);
  from.take("gc_min", found.gc_min);
  from.take("gc_max", found.gc_max);
  from.take("homopolymer_max", found.homopolymer_max);
  from.take("avoid", found.avoid);
  from.take("directory_journals", found.directory_journals);
  from.ask("prices");
  take_prices(table, origin, found.prices);
  found.index = index_of(from, origin);
  from.finish();
  try {
    found.check();
  } catch (const profile_error& error) {
    throw profile_error{fmt::format("{}: {}", origin, error.what())};
  }
  return found;
}

const toml::table& section(const toml::table& file, std::string_view name, std::string_view origin) {
  const auto* node = file.get(name);
  if (!node || !node->is_table()) throw profile_error{fmt::format("{} has no section [{}]", origin, name)};
  return *node->as_table();
}

void only_sections(const toml::table& file, const std::set<std::string_view>& known, std::string_view origin) {
  for (const auto& [key, node] : file)
    if (!known.contains(key.str())) throw profile_error{fmt::format("{}: \"{}\" is not known here", origin, key.str())};
}

std::uint64_t hex(std::string_view text, std::string_view key, std::string_view origin) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size())
    throw profile_error{fmt::format("{}: {} = \"{}\" is not a hexadecimal number of 64 bits", origin, key, text)};
  return value;
}

}  // namespace

profile profile_from_toml(std::string_view text, std::string_view origin) {
  const auto file = parse(text, origin);
  only_sections(file, {"profile"}, origin);
  return profile_of(section(file, "profile", origin), origin);
}

std::string to_toml(const profile& geometry) {
  toml::table table{{"profile", toml::table{{"name", geometry.name},
                                            {"primer_nt", geometry.primer_nt},
                                            {"sync", geometry.sync},
                                            {"levels", geometry.levels},
                                            {"version_nt", geometry.version_nt},
                                            {"molecule_nt", geometry.molecule_nt},
                                            {"payload_nt", geometry.payload_nt},
                                            {"data_molecules", geometry.data_molecules},
                                            {"parity_molecules", geometry.parity_molecules},
                                            {"gc_min", geometry.gc_min},
                                            {"gc_max", geometry.gc_max},
                                            {"homopolymer_max", geometry.homopolymer_max}}}};
  // Left out where there is none: earlier versions can read it then.
  if (geometry.outer > 0) table["profile"].as_table()->insert("outer", fmt::format("{:g}%", 100 * geometry.outer));
  if (!geometry.avoid.empty()) {
    toml::array motifs;
    for (const auto& one : geometry.avoid) motifs.push_back(one);
    table["profile"].as_table()->insert("avoid", motifs);
  }
  if (geometry.directory_journals) table["profile"].as_table()->insert("directory_journals", true);
  if (geometry.prices != price_list{}) {
    toml::table prices;
    for (const auto& [key, price] : all_prices) prices.insert(key, geometry.prices.*price);
    table["profile"].as_table()->insert("prices", prices);
  }
  put_index(geometry.index, *table["profile"].as_table());
  std::ostringstream text;
  text << table << '\n';
  return text.str();
}

partition_description description_from_toml(std::string_view text, std::string_view origin) {
  const auto file = parse(text, origin);
  only_sections(file, {"profile", "primers", "seed", "contents"}, origin);
  fields from{section(file, "primers", origin), origin, "primers"};
  primer_pair primers;
  from.take("forward", primers.forward);
  from.take("reverse", primers.reverse);
  from.finish();
  auto geometry = profile_of(section(file, "profile", origin), origin);
  auto seed = seed_of(primers);
  if (const auto* node = file.get("seed")) {
    if (!node->is_string()) throw profile_error{fmt::format("{}: seed must be a text in quotes", origin)};
    seed = hex(*node->value<std::string>(), "seed", origin);
  }
  try {
    return describe(std::move(geometry), std::move(primers), seed);
  } catch (const profile_error& error) {
    throw profile_error{fmt::format("{}: {}", origin, error.what())};
  }
}

std::optional<contents_note> contents_from_toml(std::string_view text, std::string_view origin) {
  const auto file = parse(text, origin);
  if (!file.get("contents")) return {};
  fields from{section(file, "contents", origin), origin, "contents"};
  contents_note note;
  std::string checksum;
  from.take("commits", note.commits);
  from.take("strands", note.strands);
  from.take("checksum", checksum);
  from.take("orders", note.orders);
  from.finish();
  note.checksum = hex(checksum, "checksum", origin);
  return note;
}

std::string to_toml(const partition_description& partition, const contents_note& contents) {
  return to_toml(partition) +
         fmt::format("\n[contents]\ncommits = {}\nstrands = {}\nchecksum = \"{:016x}\"\norders = {}\n",
                     contents.commits, contents.strands, contents.checksum, contents.orders);
}

std::string to_toml(const partition_description& partition) {
  std::string text;
  if (partition.seed != seed_of(partition.primers)) text += fmt::format("seed = \"{:016x}\"\n\n", partition.seed);
  text += fmt::format("[primers]\nforward = \"{}\"\nreverse = \"{}\"\n\n", partition.primers.forward,
                      partition.primers.reverse);
  return text + to_toml(partition.geometry);
}

}  // namespace chromatin::dna

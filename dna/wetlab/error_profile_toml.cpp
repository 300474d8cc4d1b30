// Error profiles as TOML: what `chromatin dna calibrate` writes and `sequence` reads.

#include <fstream>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include "dna/wetlab/error_profile.hpp"

namespace chromatin::dna::wetlab {

namespace {

constexpr const char* base_names[] = {"A", "C", "G", "T"};
constexpr std::size_t parts_max = 1000;

/// Takes checked numbers out of a table; every complaint names file and key.
class checked {
 public:
  checked(const toml::table& table, std::string file) : table_{table}, file_{std::move(file)} {}

  double number(const std::string& key, double low, double high) const {
    return within(table_.at_path(key).value<double>(), key, low, high);
  }
  /// Shares that sum to 1.
  std::vector<double> shares(const std::string& key) const {
    const auto* list = table_.at_path(key).as_array();
    if (!list || list->size() > parts_max) fail(key, fmt::format("must be a list of at most {} numbers", parts_max));
    std::vector<double> made;
    double sum = 0;
    for (const auto& one : *list) sum += made.emplace_back(within(one.value<double>(), key, 0, 1));
    if (!made.empty() && std::abs(sum - 1) > 1e-3) fail(key, fmt::format("sums to {:.4g}, not to 1", sum));
    return made;
  }
  std::array<double, 4> four(const std::string& key) const {
    const auto list = shares(key);
    if (list.size() != 4) fail(key, "must have four numbers, for A C G T");
    return {list[0], list[1], list[2], list[3]};
  }
  std::string text(const std::string& key) const {
    const auto value = table_.at_path(key).value<std::string>();
    if (!value) fail(key, "must be a text");
    return *value;
  }

 private:
  double within(std::optional<double> value, const std::string& key, double low, double high) const {
    if (!value || !(*value >= low && *value <= high)) fail(key, fmt::format("must be {} to {}", low, high));
    return *value;
  }
  [[noreturn]] void fail(const std::string& key, const std::string& what) const {
    throw std::invalid_argument{fmt::format("{}: {}: {}", file_, key, what)};
  }

  const toml::table& table_;
  std::string file_;
};

}  // namespace

void write_error_profile(const error_profile& profile, const std::filesystem::path& file) {
  const auto list = [](const auto& values) { return fmt::format("[{}]", fmt::join(values, ", ")); };
  std::ofstream out{file};
  out << "# Error profile. Rates are shares of the strand's bases, lists of shares sum to 1; bases in the order A C G "
         "T.\n"
      << "name = " << toml::value{profile.name} << "\n\n[rates]\n"
      << fmt::format("substitution = {}\ndeletion = {}\ninsertion = {}\n", profile.substitution, profile.deletion,
                     profile.insertion)
      << "\n[bases]\ndeleted = " << list(profile.deleted) << "\ninserted = " << list(profile.inserted) << "\n";
  for (std::size_t base = 0; base < 4; ++base)
    out << "becomes." << base_names[base] << " = " << list(profile.becomes[base]) << "\n";
  out << "\n[reads]\nalong = " << list(profile.along)
      << fmt::format(
             "  # where errors lie, first to last part of the strand; empty: evenly\nreversed = {}\nquality = {}\n"
             "error_quality = {}\n",
             profile.reversed, profile.quality, profile.error_quality)
      << fmt::format("\n[pool]\ncopy_number_variation = {}\ndropout = {}\n", profile.copy_number_variation,
                     profile.dropout);
  if (!out.flush()) throw std::runtime_error{file.string() + ": cannot be written"};
}

error_profile read_error_profile(const std::filesystem::path& file) {
  toml::table root;
  try {
    root = toml::parse_file(file.string());
  } catch (const toml::parse_error& error) {
    throw std::invalid_argument{
        fmt::format("{}:{}: {}", file.string(), error.source().begin.line, error.description())};
  }
  const checked from{root, file.string()};
  error_profile made{.name = from.text("name")};
  made.substitution = from.number("rates.substitution", 0, 0.5);
  made.deletion = from.number("rates.deletion", 0, 0.5);
  made.insertion = from.number("rates.insertion", 0, 0.5);
  for (std::size_t base = 0; base < 4; ++base)
    made.becomes[base] = from.four(std::string{"bases.becomes."} + base_names[base]);
  made.deleted = from.four("bases.deleted");
  made.inserted = from.four("bases.inserted");
  made.along = from.shares("reads.along");
  made.reversed = from.number("reads.reversed", 0, 1);
  made.quality = static_cast<int>(from.number("reads.quality", 2, 60));
  made.error_quality = static_cast<int>(from.number("reads.error_quality", 2, 60));
  made.copy_number_variation = from.number("pool.copy_number_variation", 0, 10);
  // Files of earlier versions have none.
  if (root.at_path("pool.dropout")) made.dropout = from.number("pool.dropout", 0, 1);
  return made;
}

}  // namespace chromatin::dna::wetlab

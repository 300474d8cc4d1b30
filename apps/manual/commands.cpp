#include "apps/manual/commands.hpp"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace chromatin::manual {
namespace {

/// What stands between `begin` and `end` in a type name such as "UINT:INT in [1 - 16]" or "TEXT:{lru,lfu}".
std::string between(const std::string& type, std::string_view begin, std::string_view end) {
  auto from = type.find(begin);
  auto to = from == type.npos ? from : type.find(end, from);
  return to == type.npos ? "" : type.substr(from + begin.size(), to - from - begin.size());
}

std::vector<std::string> choices_of(const std::string& type) {
  auto listed = between(type, ":{", "}");
  // A transformation lists what its names stand for, which nobody types.
  return listed.empty() || listed.find("->") != listed.npos ? std::vector<std::string>{}
                                                            : CLI::detail::split(listed, ',');
}

std::string limits_of(const std::string& type) {
  auto limits = between(type, " in [", "]");
  auto dash = limits.find(" - ");
  return dash == limits.npos ? limits : limits.substr(0, dash) + " to " + limits.substr(dash + 3);
}

std::string value_of(const CLI::Option& from, const std::string& type) {
  if (!from.get_option_text().empty()) return from.get_option_text();
  if (type.find(":SIZE") != type.npos) return "SIZE";
  if (type.starts_with("UINT") || type.starts_with("INT")) return "N";
  if (type.starts_with("FLOAT")) return "NUMBER";
  return type.substr(0, type.find(':'));
}

option read(const CLI::Option& from) {
  option to;
  auto type = from.get_type_name();
  for (const auto& name : from.get_snames()) to.names.push_back("-" + name);
  for (const auto& name : from.get_lnames()) to.names.push_back("--" + name);
  to.value = value_of(from, type);
  to.choices = choices_of(type);
  to.limits = limits_of(type);
  to.standard = from.get_default_str();
  to.help = from.get_description();
  to.group = from.get_group();
  to.required = from.get_required();
  to.repeats = from.get_expected_max() == CLI::detail::expected_max_vector_size;
  return to;
}

/// What is an argument and an option, such as fsck's folder, is there as both.
void add(const CLI::Option& from, std::vector<option>& to) {
  auto o = read(from);
  if (!o.names.empty()) to.push_back(o);
  if (!from.get_positional()) return;
  o.names = {from.get_name(true, false)};
  o.positional = true;
  to.push_back(std::move(o));
}

void add_all(const CLI::App& from, std::vector<std::string> path, std::vector<command>& all) {
  auto shown = from.get_subcommands([](const CLI::App* below) { return !below->get_group().empty(); });
  path.push_back(from.get_name());
  command to{path, from.get_description(), {}, {}, from.get_footer()};
  for (const auto* o : from.get_options([](const CLI::Option* o) { return !o->get_group().empty(); }))
    add(*o, to.options);
  // What the command passes up to the one above it, such as --config.
  if (from.get_fallthrough())
    for (const auto* o : from.get_parent()->get_options())
      if (auto passed = read(*o); !passed.value.empty()) to.options.push_back(passed);
  for (const auto* below : shown) to.commands.push_back(below->get_name());
  all.push_back(std::move(to));
  for (const auto* below : shown) add_all(*below, path, all);
}

}  // namespace

std::string command::name(std::string_view between) const { return fmt::format("{}", fmt::join(path, between)); }

std::vector<command> commands_of(const CLI::App& program) {
  std::vector<command> all;
  add_all(program, {}, all);
  return all;
}

const command& command_below(const std::vector<command>& all, const command& above, const std::string& name) {
  auto path = above.path;
  path.push_back(name);
  auto found = std::find_if(all.begin(), all.end(), [&](const command& c) { return c.path == path; });
  if (found == all.end()) throw std::invalid_argument{fmt::format("{} has no command {}", above.name(" "), name)};
  return *found;
}

}  // namespace chromatin::manual

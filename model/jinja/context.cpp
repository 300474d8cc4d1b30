#include "model/jinja/context.hpp"

#include <algorithm>

namespace chromatin::model::jinja {
namespace {

/// What a value costs beyond its bytes.
constexpr std::uint64_t overhead_bytes = 64;

/// A value that gives back what it took.
template <class T>
struct counted : T {
  counted(T of, context& in, std::uint64_t bytes) : T{std::move(of)}, owner{in}, size{bytes} { owner.take(size); }
  ~counted() { owner.give_back(size); }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;

  context& owner;
  std::uint64_t size;
};

std::uint64_t bytes_of(const std::vector<std::pair<text, value>>& entries) {
  auto all = overhead_bytes + entries.size() * sizeof(entries[0]);
  for (const auto& [key, v] : entries) all += key.size();
  return all;
}

}  // namespace

value context::make(text of) {
  auto bytes = overhead_bytes + of.size() + of.runs().size() * sizeof(text::run);
  return text_ptr{std::make_shared<const counted<text>>(std::move(of), *this, bytes)};
}

value context::make(list made) {
  for (const auto& item : made.items) made.depth = std::max(made.depth, item.depth() + 1);
  if (made.depth > depth_max) throw fault("values are nested too deeply");
  auto bytes = overhead_bytes + made.items.size() * sizeof(value);
  return list_ptr{std::make_shared<const counted<list>>(std::move(made), *this, bytes)};
}

value context::make(std::vector<std::pair<text, value>> entries) {
  dict made{std::move(entries)};
  for (const auto& [key, item] : made.entries) made.depth = std::max(made.depth, item.depth() + 1);
  if (made.depth > depth_max) throw fault("values are nested too deeply");
  auto bytes = bytes_of(made.entries);
  return dict_ptr{std::make_shared<counted<dict>>(std::move(made), *this, bytes)};
}

value context::make_namespace(std::vector<std::pair<text, value>> entries) {
  auto bytes = bytes_of(entries);
  dict made{std::move(entries), true};
  dict_ptr shared = std::make_shared<counted<dict>>(std::move(made), *this, bytes);
  namespaces_.push_back(shared);
  return shared;
}

void context::clear() {
  for (auto& one : namespaces_) one->entries.clear();
  namespaces_.clear();
}

void context::too_long() { throw fault("the template takes too many steps"); }
void context::too_big() { throw fault("the template needs too much memory"); }

}  // namespace chromatin::model::jinja

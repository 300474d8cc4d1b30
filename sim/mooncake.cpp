#include <algorithm>
#include <unordered_map>

#include <nlohmann/json.hpp>

#include "sim/trace.hpp"
#include "sim/trace_lines.hpp"

namespace chromatin::sim {
namespace {

constexpr std::uint32_t tokens_of_block = 512;

class mooncake_trace final : public trace {
 public:
  std::string_view kind() const override { return "mooncake"; }
  const std::vector<request>& requests() const override { return requests_; }
  std::uint32_t block_tokens() const override { return tokens_of_block; }
  void reusable(std::size_t i, std::vector<block>& chain) const override { kept(i, chain); }
  void kept(std::size_t i, std::vector<block>& chain) const override {
    chain.clear();
    for (auto at = begins_[i]; at < begins_[i + 1]; ++at)
      chain.push_back({key_of(1, ids_[at]), tokens_of_block, tokens_of_block});
  }

  void add(request r, const std::vector<std::uint64_t>& ids) {
    r.conversation = conversation_of(ids);
    for (auto id : ids) last_used_by_[id] = r.conversation;
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    begins_.push_back(ids_.size());
    requests_.push_back(r);
  }

 private:
  std::uint64_t conversation_of(const std::vector<std::uint64_t>& ids) {
    auto fresh = std::find_if(ids.begin(), ids.end(), [&](auto id) { return !last_used_by_.contains(id); });
    auto shared = fresh - ids.begin();
    return shared < 2 ? ++conversations_ : last_used_by_.at(ids[static_cast<std::size_t>(shared) - 1]);
  }

  std::vector<request> requests_;
  std::vector<std::uint64_t> ids_;
  std::vector<std::size_t> begins_{0};
  std::unordered_map<std::uint64_t, std::uint64_t> last_used_by_;  ///< by block
  std::uint64_t conversations_ = 0;
};

/// A whole number of the object, within bounds.
std::int64_t number(const nlohmann::json& object, const char* name, std::int64_t max, const trace_lines& lines) {
  auto at = object.find(name);
  if (at == object.end()) lines.fail(std::string{"has no \""} + name + "\"");
  auto good = [&](double value) { return value >= 0 && value <= static_cast<double>(max); };
  if (!at->is_number() || !good(at->get<double>()))
    lines.fail(std::string{"\""} + name + "\" must be a number from 0 to " + std::to_string(max));
  return at->is_number_float() ? static_cast<std::int64_t>(at->get<double>()) : at->get<std::int64_t>();
}

std::vector<std::uint64_t> ids_of(const nlohmann::json& object, const trace_lines& lines) {
  auto at = object.find("hash_ids");
  if (at == object.end() || !at->is_array()) lines.fail("has no list \"hash_ids\"");
  std::vector<std::uint64_t> ids;
  for (const auto& id : *at) {
    if (!id.is_number_integer() || id < 0) lines.fail("\"hash_ids\" must be whole numbers from 0");
    ids.push_back(id.get<std::uint64_t>());
  }
  auto sorted = ids;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) lines.fail("\"hash_ids\" has a block twice");
  return ids;
}

}  // namespace

bool looks_like_mooncake(std::string_view text) { return text.starts_with('{'); }

std::unique_ptr<trace> parse_mooncake(std::string_view text, const std::string& name) {
  auto result = std::make_unique<mooncake_trace>();
  trace_lines lines{text, name};
  for (std::string_view line; lines.next(line);) {
    auto object = nlohmann::json::parse(line, nullptr, false);
    if (!object.is_object()) lines.fail("is not a JSON object; is the file cut short?");
    request r{.at_us = number(object, "timestamp", seconds_max * 1000, lines) * 1000,
              .prompt_tokens = static_cast<std::uint32_t>(number(object, "input_length", tokens_max, lines)),
              .answer_tokens = static_cast<std::uint32_t>(number(object, "output_length", tokens_max, lines))};
    auto ids = ids_of(object, lines);
    std::size_t blocks = (r.prompt_tokens + tokens_of_block - 1) / tokens_of_block;
    if (ids.size() > blocks + 1 || blocks > ids.size() + 1)
      lines.fail("\"input_length\" " + std::to_string(r.prompt_tokens) + " makes " + std::to_string(blocks) +
                 " blocks of 512 tokens, \"hash_ids\" has " + std::to_string(ids.size()));
    lines.must_follow(r.at_us, "\"timestamp\"");
    result->add(r, ids);
  }
  return result;
}

}  // namespace chromatin::sim

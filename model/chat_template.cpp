#include "model/chat_template.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "model/chat_layout.hpp"
#include "model/jinja/literals.hpp"
#include "model/load_error.hpp"

namespace chromatin::model {
namespace {

const std::vector<message> probe{{"user", "Xyz"}};

/// A long conversation may take longer.
jinja::limits limits_for(std::span<const message> messages) {
  std::uint64_t bytes = 0;
  for (const auto& m : messages) bytes += m.content.size();
  return {.steps = 2'000'000 + 50'000 * messages.size() + bytes,
          .bytes = (std::uint64_t{16} << 20) + 32 * bytes + 10'000 * messages.size()};
}

/// Roles are words of the interface, which templates put between `<|` and `|>`.
jinja::text role_text(const std::string& role, jinja::source from) {
  bool word = std::all_of(role.begin(), role.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
  return jinja::text{role, word ? jinja::of_template : from};
}

jinja::value message_value(jinja::text role, jinja::text content) {
  return jinja::value::of({{jinja::text{"role"}, jinja::value::of(std::move(role))},
                           {jinja::text{"content"}, jinja::value::of(std::move(content))}});
}

jinja::value messages_value(std::span<const message> messages, bool merge_system) {
  std::vector<jinja::value> all;
  merge_system = merge_system && messages.size() > 1 && messages[0].role == "system";
  for (std::size_t i = merge_system; i < messages.size(); ++i) {
    auto from = static_cast<jinja::source>(i + 1);
    jinja::text content;
    if (merge_system && i == 1) content.append(messages[0].content + "\n\n", 1);
    content.append(messages[i].content, from);
    all.push_back(message_value(role_text(messages[i].role, from), std::move(content)));
  }
  return jinja::value::of(std::move(all));
}

}  // namespace

chat_template::chat_template(chat_description from, std::shared_ptr<const tokenizer> words)
    : from_{std::move(from)}, tokens_{std::make_shared<const chat_tokens>(std::move(words))} {}

chat_template chat_template::open(const std::filesystem::path& folder, std::shared_ptr<const tokenizer> words) {
  return open(read_chat_description(folder), std::move(words));
}

chat_template chat_template::open(chat_description from, std::shared_ptr<const tokenizer> words) {
  for (const auto& piece : words->left_out())
    if (piece == from.bos || piece == from.eos || from.text.find(piece) != std::string::npos)
      throw load_error(
          fmt::format("{}: needs the token {}, for which the model's vocabulary has no row", from.where, piece));
  chat_template result{std::move(from), std::move(words)};
  try {
    result.program_ = jinja::program::parse(result.from_.text);
    result.learn();
  } catch (const jinja::template_error& e) {
    throw load_error(fmt::format("{}: {}", result.from_.where, e.what()));
  }
  return result;
}

jinja::text chat_template::run(std::span<const message> messages, const render_options& options,
                               bool merge_system) const {
  auto others = static_cast<jinja::source>(messages.size() + 1);
  auto from_json = [&](const std::string& json) {
    try {
      return json.empty() ? jinja::value{jinja::none{}} : jinja::from_json(json, others);
    } catch (const jinja::fault& f) {
      throw jinja::template_error(f.what(), {});
    }
  };
  jinja::variables given{{"messages", messages_value(messages, merge_system)},
                         {"tools", from_json(options.tools)},
                         {"documents", from_json(options.documents)},
                         {"add_generation_prompt", options.answer_prompt}};
  for (const auto& [name, piece] : from_.special) given.emplace_back(name, jinja::value::of(jinja::text{piece}));
  auto more = from_json(options.variables);
  if (auto* named = more.as_mapping())
    for (const auto& [name, v] : named->entries) given.emplace_back(name.bytes(), v);
  auto most = limits_for(messages);
  most.bytes += 64 * (options.tools.size() + options.documents.size() + options.variables.size());
  most.steps += 8 * (options.tools.size() + options.documents.size());
  return program_.run(given, most, options.now_s);
}

jinja::text chat_template::render(std::span<const message> messages, const render_options& options) const {
  return run(messages, options, merges_system_);
}

std::optional<jinja::text> chat_template::try_render(std::span<const message> messages,
                                                     const render_options& options) const {
  try {
    return render(messages, options);
  } catch (const jinja::template_error&) {
    return std::nullopt;
  }
}

/// Tries the template on small conversations: whether it runs at all, where a system message goes, what ends a message.
void chat_template::learn() {
  render_options asking{.answer_prompt = true, .now_s = 0};
  run(probe, asking, false);
  std::vector<message> with_system{{"system", "Abc"}, probe[0]};
  try {
    layout seen{run(with_system, asking, false), with_system.size(), *tokens_};
    merges_system_ = !seen.content(0);
  } catch (const jinja::template_error&) {
    merges_system_ = true;
  }
  std::vector<message> talk{probe[0], {"assistant", "Yes."}, {"user", "Why?"}};
  user_tail_ = find_tail(talk, 0);
  assistant_tail_ = find_tail(talk, 1);
  answer_end_ = find_answer_end(assistant_tail_.value_or(""));
  ends_of_messages_ = {answer_end_};
  jinja::text behind{user_tail_.value_or("")};
  for (const auto& s : tokens_->segments(behind))
    if (s.control) ends_of_messages_.push_back(*s.control);
  layout first{render(probe, asking), probe.size(), *tokens_};
  if (!first.content(0)) throw load_error(fmt::format("{}: the template leaves out what a user says", from_.where));
  if (const auto& s = first.segments; !s.empty() && s[0].control && first.text.bytes().substr(0, s[0].end) == from_.bos)
    opening_ = {*s[0].control};
}

/// What stands behind a message's content up to the end of the message, whatever follows: to its last control token, if
/// it has one. Empty if the template does not run for that.
std::optional<std::string> chat_template::find_tail(std::span<const message> talk, std::size_t message) const {
  auto all = try_render(talk, {.now_s = 0}), part = try_render(talk.first(message + 1), {.now_s = 0});
  if (!all || !part) return std::nullopt;
  layout longer{*std::move(all), talk.size(), *tokens_}, shorter{*std::move(part), talk.size(), *tokens_};
  auto in_longer = longer.content(message), in_shorter = shorter.content(message);
  if (!in_longer || !in_shorter) return std::nullopt;
  auto begin = in_longer->second;
  std::string_view rest = longer.text.bytes(), other = shorter.text.bytes();
  rest.remove_prefix(begin);
  other.remove_prefix(in_shorter->second);
  auto same = std::mismatch(rest.begin(), rest.end(), other.begin(), other.end()).first - rest.begin();
  return longer.text.bytes().substr(begin,
                                    longer.behind_last_control(begin, begin + static_cast<std::size_t>(same)) - begin);
}

/// The first control token behind an answer, else the one that the checkpoint ends texts with.
kv::token_id chat_template::find_answer_end(const std::string& tail) const {
  jinja::text behind{tail};
  for (const auto& s : tokens_->segments(behind))
    if (s.control) return *s.control;
  auto line = tail.substr(0, tail.find('\n'));
  if (looks_like_control(line))
    throw load_error(fmt::format("{}: the tokenizer has no piece {}, which ends an answer", from_.where, line));
  if (from_.eos.empty())
    throw load_error(fmt::format(
        "{}: the template has no token that ends an answer, and tokenizer_config.json no \"eos_token\"", from_.where));
  if (auto id = tokens_->words().find_control(from_.eos)) return *id;
  throw load_error(
      fmt::format("{}: the tokenizer has no piece {}, which is its \"eos_token\"", from_.where, from_.eos));
}

std::vector<kv::token_id> chat_template::answer_prompt() const { return go_on({}, probe, {.now_s = 0}).answer_prompt; }

}  // namespace chromatin::model

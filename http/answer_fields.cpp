#include "http/answer_fields.hpp"

#include <charconv>
#include <limits>

#include "http/limits.hpp"

namespace chromatin::http {
namespace {

using nlohmann::json;

constexpr std::uint64_t choices_max = 16;

std::vector<std::string> stop_of(const fields& body) {
  const auto* given = body.find("stop");
  if (!given) return {};
  auto list = given->is_string() ? json::array({*given}) : *given;
  if (!list.is_array()) wrong("stop", "stop must be a string or a list of strings");
  std::vector<std::string> all;
  for (const auto& one : list) {
    if (!one.is_string()) wrong("stop", "stop must be a string or a list of strings");
    all.push_back(one.get<std::string>());
  }
  return all;
}

/// Below 0 it is a number like others, as for OpenAI, but -1, which stands for any, as in llama.cpp.
std::uint64_t seed_of(const fields& body, std::uint64_t otherwise) {
  const auto* given = body.find("seed");
  if (!given || *given == -1) return otherwise;
  if (given->is_number_integer() && !given->is_number_unsigned())
    return static_cast<std::uint64_t>(given->get<std::int64_t>());
  return body.whole("seed", 0, std::numeric_limits<std::uint64_t>::max(), otherwise);
}

/// As in vLLM: -1 stands for all, and so does 0.
std::uint32_t top_k_of(const fields& body) {
  const auto* given = body.find("top_k");
  if (given && *given == -1) return 0;
  return static_cast<std::uint32_t>(body.whole("top_k", 0, std::numeric_limits<std::uint32_t>::max(), 0));
}

/// As in llama.cpp: -1 stands for all.
std::uint32_t last_n_of(const fields& body) {
  constexpr auto all = std::numeric_limits<std::uint32_t>::max();
  const auto* given = body.find("repeat_last_n");
  if (given && *given == -1) return all;
  return static_cast<std::uint32_t>(body.whole("repeat_last_n", 0, all, model::penalties{}.last_n));
}

std::vector<model::token_bias> biases_of(const fields& body, std::uint32_t vocabulary) {
  const auto* given = body.find("logit_bias");
  if (!given || given->empty()) return {};
  if (!given->is_object()) wrong("logit_bias", "logit_bias must be an object of tokens and their biases");
  std::vector<model::token_bias> all;
  for (const auto& [name, value] : given->items()) {
    model::token_bias one;
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), one.token);
    if (error != std::errc{} || end != name.data() + name.size() || one.token >= vocabulary)
      wrong("logit_bias", fmt::format("logit_bias names tokens by their numbers, which are below {}", vocabulary));
    one.bias = static_cast<float>(fields{*given, "logit_bias"}.number(name.c_str(), -100, 100, 0));
    all.push_back(one);
  }
  return all;
}

}  // namespace

model::sampling read_sampling(const fields& body, const reading& with) {
  model::sampling s;
  auto number = [&](const char* name, double least, double most, double otherwise) {
    return static_cast<float>(body.number(name, least, most, otherwise));
  };
  s.temperature = number("temperature", 0, 2, 1);
  s.top_p = number("top_p", 0, 1, 1);
  if (s.top_p == 0) s.top_k = 1, s.top_p = 1;  // only the likeliest
  if (auto k = top_k_of(body)) s.top_k = k;
  s.min_p = number("min_p", 0, 1, 0);
  s.less.repeat = number("repeat_penalty", 0, 100, 1);
  s.less.presence = number("presence_penalty", -2, 2, 0);
  s.less.frequency = number("frequency_penalty", -2, 2, 0);
  s.less.last_n = last_n_of(body);
  s.biases = biases_of(body, with.vocabulary);
  s.seed = seed_of(body, with.seed);
  return s;
}

std::string read_salt(const fields& body) {
  auto salt = body.text("cache_salt");
  check_salt(salt);
  return salt;
}

answer_request read_answer_fields(const fields& body, const reading& with) {
  answer_request r;
  r.model = body.text("model");
  r.sampling = read_sampling(body, with);
  r.sampling.stop = stop_of(body);
  auto tokens = body.whole("max_tokens", 1, limits.answer_tokens_max, 0);
  r.sampling.tokens_max =
      static_cast<std::uint32_t>(body.whole("max_completion_tokens", 1, limits.answer_tokens_max, tokens));
  r.n = static_cast<std::uint32_t>(body.whole("n", 1, choices_max, 1));
  r.stream = body.flag("stream");
  if (const auto* options = body.find("stream_options")) {
    if (!options->is_object()) wrong("stream_options", "stream_options must be an object");
    r.include_usage = fields{*options, "stream_options"}.flag("include_usage");
  }
  r.priority = static_cast<std::uint8_t>(body.whole("priority", 0, 100, 50));
  constexpr double seconds_max = 1e9;
  auto ttl_s = body.number("ttl", 0, seconds_max, 0);
  r.keep = {r.priority, static_cast<std::int64_t>(ttl_s * 1e6)};
  r.cache_salt = read_salt(body);
  return r;
}

std::vector<kv::token_id> read_tokens(const json& value, const std::string& path, const reading& with) {
  if (!value.is_array()) wrong(path, fmt::format("{} must be a list of tokens", path));
  std::vector<kv::token_id> all;
  for (std::size_t i = 0; i < value.size(); ++i) {
    bool is_token = value[i].is_number_unsigned() && value[i].get<std::uint64_t>() < with.vocabulary;
    if (!is_token)
      wrong(fmt::format("{}[{}]", path, i),
            fmt::format("{}[{}] must be a token, which are numbers below {}", path, i, with.vocabulary));
    all.push_back(value[i].get<kv::token_id>());
  }
  return all;
}

}  // namespace chromatin::http

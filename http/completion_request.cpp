#include "http/completion_request.hpp"

#include "http/limits.hpp"

namespace chromatin::http {
namespace {

using nlohmann::json;

constexpr std::size_t answers_max = 64;

plain_prompt prompt_of(const json& given, const std::string& path, const reading& with) {
  if (given.is_string()) {
    auto text = given.get<std::string>();
    if (text.empty()) wrong(path, fmt::format("{} is empty", path));
    check_text(path, text);
    return {std::move(text), {}};
  }
  if (!given.is_array() || given.empty() || !given.front().is_number())
    wrong(path, fmt::format("{} must be a string or a list of tokens", path));
  return {{}, read_tokens(given, path, with)};
}

/// One, or a list of them.
std::vector<plain_prompt> prompts_of(const fields& body, const reading& with) {
  const auto* given = body.find("prompt");
  if (!given) wrong("prompt", "prompt is missing");
  if (!given->is_array() || given->empty() || given->front().is_number()) return {prompt_of(*given, "prompt", with)};
  std::vector<plain_prompt> all;
  for (const auto& one : *given) all.push_back(prompt_of(one, fmt::format("prompt[{}]", all.size()), with));
  return all;
}

}  // namespace

completion_request read_completion_request(std::string_view text, const reading& with) {
  auto content = parse_object(text);
  fields body{content, {}};
  body.refuse_unless("suffix", "");
  body.refuse_unless("echo", false);
  body.refuse_unless("best_of", 1);
  completion_request r{read_answer_fields(body, with), prompts_of(body, with)};
  if (r.prompts.size() * r.n > answers_max)
    wrong("prompt", fmt::format("a request has at most {} answers: prompts times n", answers_max));
  if (body.find("logprobs"))
    r.sampling.likelihoods = static_cast<std::uint32_t>(body.whole("logprobs", 0, limits.likelihoods_max, 0));
  check_sampling(body, r.sampling);
  return r;
}

}  // namespace chromatin::http

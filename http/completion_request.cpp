#include "http/completion_request.hpp"

namespace chromatin::http {
namespace {

using json = nlohmann::json;

plain_prompt prompt_of(const fields& body, const reading& with) {
  const auto* given = body.find("prompt");
  if (!given) wrong("prompt", "prompt is missing");
  if (given->is_array() && given->size() == 1 && !given->front().is_number()) given = &given->front();
  if (given->is_string()) return {given->get<std::string>(), {}};
  if (!given->is_array() || given->empty() || !given->front().is_number())
    wrong("prompt", "prompt must be a string or a list of tokens; several prompts at a time are not served");
  return {{}, read_tokens(*given, "prompt", with)};
}

}  // namespace

completion_request read_completion_request(std::string_view text, const reading& with) {
  auto content = parse_object(text);
  fields body{content, {}};
  body.refuse_unless("suffix", "");
  body.refuse_unless("echo", false);
  body.refuse_unless("best_of", 1);
  completion_request r{read_answer_fields(body, with), prompt_of(body, with)};
  if (body.find("logprobs"))
    r.sampling.likelihoods = static_cast<std::uint32_t>(body.whole("logprobs", 0, likelihoods_max, 0));
  return r;
}

}  // namespace chromatin::http

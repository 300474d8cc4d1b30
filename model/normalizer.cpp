#include "model/normalizer.hpp"

#include <algorithm>

#include "model/normal_forms.hpp"
#include "model/utf8.hpp"

namespace chromatin::model {
namespace {

using step_kind = normalizer_step::kind;

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string result;
  while (true) {
    auto at = text.find(from);
    result += text.substr(0, at);
    if (at == std::string_view::npos) return result;
    result += to;
    text.remove_prefix(at + from.size());
  }
}

std::string replaced(std::string_view text, const split_pattern& from, std::string_view to) {
  std::string result;
  std::size_t done = 0;
  for (auto [begin, end] : from.find(text)) {
    result += text.substr(done, begin - done);
    result += to;
    done = end;
  }
  return result += text.substr(done);
}

std::string stripped(std::string_view text, bool left, bool right) {
  while (left && !text.empty() && is_white_space(code_point(first_character(text))))
    text.remove_prefix(first_character(text).size());
  while (right && !text.empty() && is_white_space(code_point(last_character(text))))
    text.remove_suffix(last_character(text).size());
  return std::string{text};
}

}  // namespace

normalizer::normalizer(std::vector<normalizer_step> steps) {
  for (auto& step : steps) {
    made_step made{std::move(step), {}, {}};
    if (made.is.what == step_kind::replace_pattern) made.pattern.emplace(made.is.from, made.is.where);
    if (made.is.what == step_kind::characters) made.table.emplace(made.is.from, made.is.where);
    steps_.push_back(std::move(made));
  }
}

std::string normalizer::operator()(std::string_view text, bool first) const {
  std::string result{text};
  for (const auto& [step, pattern, table] : steps_) switch (step.what) {
      case step_kind::nfc:
        result = normalized(result, normal_form::c);
        break;
      case step_kind::nfd:
        result = normalized(result, normal_form::d);
        break;
      case step_kind::nfkc:
        result = normalized(result, normal_form::kc);
        break;
      case step_kind::nfkd:
        result = normalized(result, normal_form::kd);
        break;
      case step_kind::lowercase:
        result = lowercased(result);
        break;
      case step_kind::prepend:
        if (first && !result.empty()) result.insert(0, step.to);
        break;
      case step_kind::replace:
        result = replaced(result, step.from, step.to);
        break;
      case step_kind::replace_pattern:
        result = replaced(result, *pattern, step.to);
        break;
      case step_kind::characters:
        result = (*table)(result);
        break;
      case step_kind::strip:
        result = stripped(result, step.left && first, step.right);
        break;
    }
  return result;
}

bool normalizer::adds_space() const {
  return std::any_of(steps_.begin(), steps_.end(), [](const auto& s) { return s.is.what == step_kind::prepend; });
}

}  // namespace chromatin::model

#include "tests/support/pattern.hpp"

#include <regex>

namespace chromatin::test {
namespace {

pattern::groups groups_of(const std::smatch& match) { return {match.begin(), match.end()}; }

}  // namespace

struct pattern::compiled {
  std::regex expression;
};

pattern::pattern(const std::string& expression)
    : compiled_{std::make_shared<const compiled>(compiled{std::regex{expression}})} {}

std::optional<pattern::groups> pattern::match(const std::string& text) const {
  std::smatch match;
  if (!std::regex_match(text, match, compiled_->expression)) return {};
  return groups_of(match);
}

std::optional<pattern::groups> pattern::find(const std::string& text) const {
  std::smatch match;
  if (!std::regex_search(text, match, compiled_->expression)) return {};
  return groups_of(match);
}

std::vector<pattern::groups> pattern::all_in(const std::string& text) const {
  std::vector<groups> all;
  for (std::sregex_iterator at{text.begin(), text.end(), compiled_->expression}, end; at != end; ++at)
    all.push_back(groups_of(*at));
  return all;
}

std::string pattern::replaced(const std::string& text, const std::string& with) const {
  return std::regex_replace(text, compiled_->expression, with);
}

}  // namespace chromatin::test

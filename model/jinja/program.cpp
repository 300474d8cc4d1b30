#include "model/jinja/program.hpp"

#include "model/jinja/interpreter.hpp"
#include "model/jinja/parser.hpp"

namespace chromatin::model::jinja {

program program::parse(std::string_view template_text) {
  program made;
  made.tree_ = std::make_shared<const syntax>(jinja::parse(template_text));
  return made;
}

text program::run(const variables& given, const limits& most, std::optional<std::int64_t> now_s) const {
  context in{most, now_s};
  return interpreter{*tree_, in}.run(given);
}

}  // namespace chromatin::model::jinja

#pragma once

/// A chat template as a program: Jinja as Hugging Face runs it, without what chat templates never use (inheritance,
/// imports, escaping).

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/jinja/context.hpp"

namespace chromatin::model::jinja {

struct syntax;

using variables = std::vector<std::pair<std::string, value>>;

/// Immutable; any thread may run it.
class program {
 public:
  /// Throws template_error.
  static program parse(std::string_view template_text);

  /// What it puts out. `now_s`, seconds since 1970 in UTC, is the time that `strftime_now` tells; without it templates
  /// do not find that function. Throws template_error.
  text run(const variables& given, const limits& most = {}, std::optional<std::int64_t> now_s = {}) const;

 private:
  std::shared_ptr<const syntax> tree_;
};

}  // namespace chromatin::model::jinja

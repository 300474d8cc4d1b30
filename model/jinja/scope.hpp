#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "model/jinja/syntax.hpp"

namespace chromatin::model::jinja {

/// Variables of a loop's pass, a macro's call or the whole template. Names that are not here are looked up in the scope
/// around it.
class scope {
 public:
  explicit scope(std::shared_ptr<scope> around = nullptr) : around_{std::move(around)} {}

  const value* find(symbol name) const {
    for (const auto* at = this; at; at = at->around_.get())
      for (const auto& [n, v] : at->variables_)
        if (n == name) return &v;
    return nullptr;
  }
  void set(symbol name, value to) {
    for (auto& [n, v] : variables_)
      if (n == name) return void(v = std::move(to));
    variables_.emplace_back(name, std::move(to));
  }
  void clear() { variables_.clear(); }

 private:
  std::shared_ptr<scope> around_;
  std::vector<std::pair<symbol, value>> variables_;
};

using scope_ptr = std::shared_ptr<scope>;

}  // namespace chromatin::model::jinja

#pragma once

/// An option that takes one of some words.

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace chromatin {

/// The error names the words. CLI11's own transformer prints the values behind them, of which those of a small
/// enumeration are control characters.
template <class T>
CLI::Option* choose(CLI::Option* option, const std::map<std::string, T>& choices) {
  std::vector<std::string> words;
  for (const auto& [word, value] : choices) words.push_back(word);
  auto fault = [words](std::string& text) {
    if (std::find(words.begin(), words.end(), text) != words.end()) return std::string{};
    return fmt::format("\"{}\" is none of {}", text, fmt::join(words, ", "));
  };
  // What is added last sees the text first.
  return option->transform(CLI::Transformer(choices))->transform(CLI::Validator(fault, ""));
}

}  // namespace chromatin

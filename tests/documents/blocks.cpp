#include "tests/documents/blocks.hpp"

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/support/pattern.hpp"

namespace chromatin::test {
namespace {

constexpr std::string_view fence = "```", indent = "    ", run_table = "<!-- commands of this table are run -->";
constexpr std::array<std::string_view, 12> programs{"build/release/apps/chromatin",
                                                    "chromatin",
                                                    "curl",
                                                    "git",
                                                    "make",
                                                    "node",
                                                    "npm",
                                                    "pip",
                                                    "python3",
                                                    "sudo",
                                                    "systemctl",
                                                    "df"};

bool begins_with_a_program(const std::string& text) {
  auto word = std::string_view{text}.substr(0, text.find_first_of(" \n"));
  return std::ranges::find(programs, word) != programs.end();
}

/// Reads line by line; what comments say is kept for the next block.
class reader {
 public:
  void read(const std::string& line) {
    ++line_;
    if (in_fence_) return line.starts_with(fence) ? end_fence() : add(line);
    if (line.starts_with(fence)) return begin_fence(line.substr(fence.size()));
    if (line.starts_with(indent) && (after_blank_ || indented_))
      return begin_indented(), add(line.substr(indent.size()));
    end_indented();
    after_blank_ = line.empty() || line.starts_with("<!--");
    if (line.starts_with("<!--")) return note(line);
    if (line.starts_with('|')) return table(line);
    if (!line.empty()) next_ = {}, in_table_ = false;
  }
  std::vector<block> end() {
    end_indented();
    return std::move(all_);
  }

 private:
  void add(const std::string& line) { all_.back().text += line + '\n'; }
  void begin(const std::string& language) {
    next_.line = line_ + (language.empty() ? 0 : 1);
    next_.language = language;
    all_.push_back(std::exchange(next_, {}));
  }
  void begin_fence(const std::string& language) { begin(language.empty() ? "text" : language), in_fence_ = true; }
  void end_fence() { in_fence_ = false; }
  void begin_indented() {
    if (!std::exchange(indented_, true)) begin({});
  }
  void end_indented() { indented_ = false; }

  void note(const std::string& line) {
    if (line == run_table) return void(in_table_ = true);
    static const pattern form{"<!-- ([a-z ]+): (.*) -->"};
    auto match = form.match(line);
    if (!match) return;
    const auto& m = *match;
    if (m[1] == "not run") next_.not_run = m[2];
    if (m[1] == "file") next_.file = m[2];
    if (m[1] == "prints") next_.prints.push_back(m[2]);
    if (m[1] == "needs") next_.needs.push_back(m[2]);
  }
  void table(const std::string& line) {
    if (!in_table_) return;
    for (const auto& span : code_spans(line))
      if (begins_with_a_program(span) && span.find(' ') != span.npos)
        all_.push_back({.line = line_, .text = span + '\n'});
  }

  std::size_t line_ = 0;
  std::vector<block> all_;
  block next_;
  bool in_fence_ = false, indented_ = false, after_blank_ = true, in_table_ = false;
};

}  // namespace

bool block::is_command() const { return language == "sh" || (language.empty() && begins_with_a_program(text)); }

std::vector<block> blocks_of(const std::string& document) {
  reader all;
  std::istringstream lines{document};
  for (std::string line; std::getline(lines, line);) all.read(line);
  return all.end();
}

}  // namespace chromatin::test

#include "apps/chat/words.hpp"

#include <fmt/format.h>

namespace chromatin::chat {

std::string why_it_ended(const turn_statistics& turn) {
  switch (turn.stopped) {
    case stop_reason::end_of_answer:
      return {};
    case stop_reason::stop_string:
      return "the answer ended at a --stop text";
    case stop_reason::tokens_max:
      return fmt::format("the answer was cut after {} tokens; --answer-tokens allows more", turn.answer_tokens);
    case stop_reason::context_full:
      return "the answer was cut: the window is full";
    case stop_reason::cancelled:
      return "the answer was cut: the server ended it";
  }
  return {};
}

std::string what_was_dropped(const turn_statistics& turn) {
  if (turn.dropped_tokens == 0) return {};
  return fmt::format("the window was full: its oldest {} tokens are out of sight, the others keep their cache",
                     turn.dropped_tokens);
}

std::string what_it_took(const rpc::turn_report& report) {
  const auto& s = report.server;
  std::string sources;
  for (const auto& hit : s.hits)
    sources += fmt::format("{} {}{}, ", hit.tokens, sources.empty() ? "from " : "", hit.tier);
  return fmt::format("{} tokens: {}{} computed · first token {:.1f} ms · {} tokens in {:.0f} ms", s.prompt_tokens,
                     sources, s.computed_tokens, static_cast<double>(report.first_text_us) / 1e3, s.answer_tokens,
                     static_cast<double>(report.total_us) / 1e3);
}

std::string harmless(std::string_view text) {
  std::string shown;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    bool control = (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
    if (c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) {  // U+0080 to U+009F
      control = true;
      ++i;
    }
    if (!control) shown += text[i];
  }
  return shown;
}

}  // namespace chromatin::chat

#pragma once

/// Texts to try tokenizers with: words and signs of many scripts, accents on anything, emoji with joiners, runs of
/// white space and digits, control characters. The same seed makes the same text. Only characters that Unicode has had
/// for long: about newer ones two libraries may differ.

#include <array>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace chromatin::test {

class random_text {
 public:
  explicit random_text(std::uint64_t seed) : random_{seed} {}

  std::string operator()() {
    std::string text;
    for (auto parts = 1 + below(24); parts > 0; --parts) text += part();
    return text;
  }

 private:
  struct range {
    char32_t first, last;
  };

  std::size_t below(std::size_t count) { return random_() % count; }

  static void append(std::string& to, char32_t c) {
    if (c < 0x80) {
      to += static_cast<char>(c);
    } else if (c < 0x800) {
      to += static_cast<char>(0xC0 | c >> 6);
      to += static_cast<char>(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
      to += static_cast<char>(0xE0 | c >> 12);
      to += static_cast<char>(0x80 | (c >> 6 & 0x3F));
      to += static_cast<char>(0x80 | (c & 0x3F));
    } else {
      to += static_cast<char>(0xF0 | c >> 18);
      to += static_cast<char>(0x80 | (c >> 12 & 0x3F));
      to += static_cast<char>(0x80 | (c >> 6 & 0x3F));
      to += static_cast<char>(0x80 | (c & 0x3F));
    }
  }

  template <std::size_t N>
  std::string_view one_of(const std::array<std::string_view, N>& all) {
    return all[below(N)];
  }

  std::string characters(range from, std::size_t count) {
    std::string text;
    for (; count > 0; --count) append(text, from.first + static_cast<char32_t>(below(from.last - from.first + 1)));
    return text;
  }

  std::string word() {
    static constexpr std::array<range, 36> scripts{
        {{'a', 'z'},        {'A', 'Z'},       {0xC0, 0xFF},       {0x100, 0x17F},   {0x1C4, 0x1CC},
         {0x391, 0x3A1},    {0x3B1, 0x3C9},   {0x410, 0x44F},     {0x561, 0x586},   {0x10D0, 0x10FA},
         {0x5D0, 0x5EA},    {0x5B0, 0x5BD},   {0x627, 0x652},     {0x904, 0x939},   {0x93C, 0x94D},
         {0x995, 0x9A8},    {0xB95, 0xB95},   {0xE01, 0xE3A},     {0xF40, 0xF47},   {0xF71, 0xF7D},
         {0x1200, 0x1248},  {0x1780, 0x17B3}, {0x13A0, 0x13F4},   {0x1100, 0x1112}, {0x1161, 0x1175},
         {0x11A8, 0x11C2},  {0xAC00, 0xD7A3}, {0x3041, 0x3096},   {0x30A1, 0x30FA}, {0x4E00, 0x9FA5},
         {0xF900, 0xFA0D},  {0xFF01, 0xFF5E}, {0x1D400, 0x1D454}, {0x2B0, 0x2B8},   {0x1E00, 0x1EF9},
         {0x10400, 0x1044F}}};
    return characters(scripts[below(scripts.size())], 1 + below(8));
  }

  std::string emoji() {
    static constexpr std::array<std::string_view, 6> behind{"\u200D", "\uFE0F", "\U0001F3FD", "\u20E3", "", ""};
    static constexpr std::array<range, 4> kinds{
        {{0x1F600, 0x1F64F}, {0x1F468, 0x1F469}, {0x1F1E6, 0x1F1FF}, {0x2600, 0x2604}}};
    std::string text;
    for (auto count = 1 + below(4); count > 0; --count) {
      text += characters(kinds[below(kinds.size())], 1);
      text += one_of(behind);
    }
    return text;
  }

  std::string run(std::string_view of) {
    std::string text;
    for (auto count = 1 + below(below(10) == 0 ? 40 : 5); count > 0; --count) text += of;
    return text;
  }

  std::string part() {
    static constexpr std::array<std::string_view, 18> spaces{" ",      " ",      " ",      " ",      "\n",     "\n",
                                                             "\r\n",   "\t",     "\r",     "\u00A0", "\u3000", "\u2028",
                                                             "\u0085", "\u200B", "\uFEFF", "\u2003", "\v",     "\n\n"};
    static constexpr std::array<std::string_view, 24> signs{
        "'s",  "'LL", "'re", "'\u017F", "n't", "...", "--", "\"", "(", ")", "/",      "\\",
        "://", "@",   "#",   "%",       "&&",  "=>",  "{",  "}",  "_", "▁", "\u2019", "\u00B7"};
    static constexpr std::array<std::string_view, 10> words{"the",    "Hello", "don't", "JavaScript", "x2",
                                                            "größte", "naïve", "мир",   "こんにちは", "السلام"};
    static constexpr std::array<range, 5> digits{
        {{'0', '9'}, {0x660, 0x669}, {0x966, 0x96F}, {0xBC, 0xBE}, {0x2160, 0x216B}}};
    switch (below(12)) {
      case 0:
        return run(one_of(spaces));
      case 1:
        return characters(digits[below(3) == 0 ? below(digits.size()) : 0], 1 + below(7));
      case 2:
        return run(one_of(signs));
      case 3:
        return emoji();
      case 4:
        return word() + characters({0x300, 0x345}, 1 + below(4));
      case 5:
        return std::string{one_of(signs)};
      case 6:
        return below(4) == 0 ? characters({0, 0x1F}, 1 + below(3)) : characters({'!', '~'}, 1 + below(6));
      case 7:
        return below(6) == 0 ? characters({0xE000, 0xE010}, 1) : std::string{one_of(spaces)};
      case 8:
      case 9:
        return " " + std::string{one_of(words)};
      default:
        return (below(2) ? " " : "") + word();
    }
  }

  std::mt19937_64 random_;
};

}  // namespace chromatin::test

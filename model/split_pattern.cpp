#include "model/split_pattern.hpp"

#include <array>
#include <cctype>
#include <stdexcept>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include "model/load_error.hpp"

namespace chromatin::model {
namespace {

/// Unicode's white space, as Oniguruma's \s has it; PCRE2's has U+180E too.
constexpr std::string_view white_space = R"(\x09-\x0D\x{85}\p{Z})";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Reads a pattern and writes it anew for PCRE2, as long as it has only what both libraries understand alike.
class translator {
 public:
  translator(std::string_view pattern, const std::string& where) : in_{pattern}, where_{where} {}

  std::string run() {
    while (!in_.empty()) {
      if (in_.front() == '\\')
        escape(false);
      else if (in_.front() == '[')
        bracket();
      else if (in_.front() == '(')
        group();
      else if (in_.front() == '*' || in_.front() == '+' || in_.front() == '?')
        repeat();
      else if (in_.front() == '{')
        counted_repeat();
      else if (in_.front() == '$')
        put("(?=\\n|\\z)");  // the end of a line
      else if (in_.front() == '.')
        put("[^\\n]");
      else if (in_.front() == '^')
        refuse(in_.substr(0, 1));
      else
        take(1);
    }
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    throw load_error(fmt::format("{}: {} in a pattern is not supported", where_, what));
  }

  void put(std::string_view instead) {
    out_ += instead;
    in_.remove_prefix(1);
  }

  void take(std::size_t count) {
    out_ += in_.substr(0, count);
    in_.remove_prefix(count);
  }

  void escape(bool in_bracket) {
    auto c = in_.size() > 1 ? in_[1] : '\0';
    if (c == 's' || c == 'S') {
      if (c == 'S' && in_bracket) refuse("\\S in brackets");
      out_ += in_bracket ? std::string{white_space} : fmt::format("[{}{}]", c == 'S' ? "^" : "", white_space);
      in_.remove_prefix(2);
    } else if (c == 'p' || c == 'P') {
      property();
    } else if (std::string_view{"rnt"}.find(c) != std::string_view::npos ||
               std::ispunct(static_cast<unsigned char>(c))) {
      take(2);
    } else {
      refuse(in_.substr(0, 2));
    }
  }

  /// A general category, such as \p{L} or \p{Lu}; scripts are sets of other characters in either library.
  void property() {
    auto end = in_.find('}');
    auto name = end == std::string_view::npos ? "" : in_.substr(3, end - 3);
    if (in_.substr(2, 1) != "{" || name.empty() || name.size() > 2 ||
        !std::isupper(static_cast<unsigned char>(name[0])) ||
        (name.size() == 2 && !std::islower(static_cast<unsigned char>(name[1]))))
      refuse(in_.substr(0, std::min(end, in_.size() - 1) + 1));
    take(end + 1);
  }

  void bracket() {
    take(1);
    if (in_.starts_with('^')) take(1);
    if (in_.starts_with(']')) refuse("[]");
    while (!in_.starts_with(']')) {
      if (in_.empty()) refuse("[ without ]");
      if (in_.front() == '[') refuse("[ in brackets");
      if (in_.starts_with("&&")) refuse("&&");
      in_.front() == '\\' ? escape(true) : take(1);
    }
    take(1);
  }

  void group() {
    for (std::string_view known : {"(?:", "(?i:", "(?!", "(?="})
      if (in_.starts_with(known)) return take(known.size());
    if (in_.starts_with("(?") || in_.starts_with("(*")) refuse(in_.substr(0, 4));
    take(1);
  }

  void repeat() {
    take(1);
    if (in_.starts_with('?') || in_.starts_with('+')) take(1);  // lazy, possessive
  }

  /// {n}, {n,} or {n,m}. What may follow it differs: to Oniguruma {n}+ repeats once more, to PCRE2 it is possessive.
  void counted_repeat() {
    auto end = in_.find('}');
    auto text = end == std::string_view::npos ? in_ : in_.substr(0, end + 1);
    bool sound = end != std::string_view::npos && text.size() > 2 && is_digit(text[1]);
    for (auto c : text.substr(1, text.size() - 2)) sound = sound && (is_digit(c) || c == ',');
    auto after = sound ? in_.substr(text.size(), 1) : "";
    if (!sound || after == "?" || after == "+" || after == "*")
      refuse(sound ? in_.substr(0, text.size() + 1) : text.substr(0, 8));
    take(text.size());
  }

  std::string_view in_;
  const std::string& where_;
  std::string out_;
};

template <auto Free>
struct freed {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};

}  // namespace

struct split_pattern::implementation {
  std::unique_ptr<pcre2_code, freed<pcre2_code_free>> code;
};

split_pattern::split_pattern(std::string_view pattern, const std::string& where)
    : implementation_{std::make_unique<implementation>()} {
  auto translated = translator{pattern, where}.run();
  int error = 0;
  std::size_t at = 0;
  implementation_->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                                            PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF, &error, &at, nullptr));
  if (!implementation_->code) {
    std::array<char, 256> text{};
    pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(text.data()), text.size());
    throw load_error(fmt::format("{}: the pattern cannot be read: {}", where, text.data()));
  }
  // Where there is no compiler for the processor, PCRE2 interprets the pattern.
  pcre2_jit_compile(implementation_->code.get(), PCRE2_JIT_COMPLETE);
}

split_pattern::~split_pattern() = default;
split_pattern::split_pattern(split_pattern&&) noexcept = default;

std::vector<text_range> split_pattern::find(std::string_view text) const {
  const auto* code = implementation_->code.get();
  std::unique_ptr<pcre2_match_data, freed<pcre2_match_data_free>> found{pcre2_match_data_create(1, nullptr)};
  auto match = [&](std::size_t from, std::uint32_t options) {
    return pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from, options, found.get(),
                       nullptr);
  };
  std::vector<text_range> all;
  for (std::size_t from = 0; from < text.size();) {
    auto result = match(from, 0);
    if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = match(from, PCRE2_NO_JIT);
    if (result == PCRE2_ERROR_NOMATCH) break;
    if (result < 0)
      throw std::runtime_error(fmt::format("a tokenizer's pattern gave up on a text: PCRE2 error {}", result));
    auto begin = pcre2_get_ovector_pointer(found.get())[0], end = pcre2_get_ovector_pointer(found.get())[1];
    if (begin == end) {  // goes on one character further
      for (from = end + 1; from < text.size() && (text[from] & 0xC0) == 0x80;) ++from;
      continue;
    }
    all.push_back({begin, end});
    from = end;
  }
  return all;
}

}  // namespace chromatin::model

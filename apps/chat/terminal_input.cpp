#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <cwchar>
#include <climits>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/core.h>
#include <histedit.h>
#include <poll.h>
#include <unistd.h>

#include "apps/chat/input.hpp"

namespace chromatin::chat {
namespace {

constexpr int remembered_max = 1000;
/// ^D. Of one that was typed while no line was edited, the terminal leaves a zero.
constexpr char end_of_input = '\x04';
constexpr std::string_view paste_begins = "\033[200~", paste_ends = "\033[201~";

volatile std::sig_atomic_t resized = 0, continued = 0;
void on_resize(int) { resized = 1; }
void on_continue(int) { continued = 1; }

std::wstring to_wide(std::string_view text) {
  std::wstring wide;
  std::mbstate_t state{};
  while (!text.empty()) {
    wchar_t c = 0;
    auto taken = std::mbrtowc(&c, text.data(), text.size(), &state);
    if (taken == 0 || taken > text.size()) {  // a zero, or nothing that is UTF-8
      state = {};
      taken = 1;
    } else {
      wide += c;
    }
    text.remove_prefix(taken);
  }
  return wide;
}

std::string to_utf8(std::wstring_view wide) {
  std::string text;
  char bytes[MB_LEN_MAX];
  std::mbstate_t state{};
  for (auto c : wide)
    if (auto made = std::wcrtomb(bytes, c, &state); made <= sizeof bytes) text.append(bytes, made);
  return text;
}

class terminal_input final : public input {
 public:
  explicit terminal_input(int interrupts) : interrupts_{interrupts} {
    std::setlocale(LC_CTYPE, "C.UTF-8");
    std::signal(SIGWINCH, on_resize);
    std::signal(SIGCONT, on_continue);
    editor_ = ::el_init("chromatin", stdin, stderr, stderr);
    if (editor_ == nullptr) throw std::runtime_error("the terminal cannot be edited in; is TERM right?");
    history_ = ::history_winit();
    HistEventW event;
    ::history_w(history_, &event, H_SETSIZE, remembered_max);
    ::history_w(history_, &event, H_SETUNIQUE, 1);
    ::el_wset(editor_, EL_CLIENTDATA, this);
    ::el_wset(editor_, EL_EDITOR, L"emacs");
    ::el_wset(editor_, EL_SIGNAL, 0);
    ::el_wset(editor_, EL_SETTY, L"-d", L"-icrnl", L"-inlcr", nullptr);  // a pasted "\r\n" is one line end
    ::el_wset(editor_, EL_HIST, ::history_w, history_);
    ::el_wset(editor_, EL_PROMPT, prompt_of);
    ::el_wset(editor_, EL_GETCFN, next_of);
    ::el_wset(editor_, EL_ADDFN, L"paste", L"takes what is pasted as it is", paste_of);
    ::el_wset(editor_, EL_BIND, to_wide(paste_begins).c_str(), L"paste", nullptr);
    const char* kind = std::getenv("TERM");
    marks_pastes_ = kind != nullptr && std::string_view{kind} != "dumb";
    if (marks_pastes_) fmt::print(stderr, "\033[?2004h");
  }
  ~terminal_input() override {
    ::history_wend(history_);
    ::el_end(editor_);
    if (marks_pastes_) fmt::print(stderr, "\033[?2004l");
  }

  came line(std::string& into, const std::string& prompt, const std::string& prefill) override {
    prompt_ = to_wide(prompt);
    if (!prefill.empty()) ahead_ = std::string{paste_begins} + prefill + std::string{paste_ends};
    interrupted_ = false;
    typed_ahead_ = true;
    int length = 0;
    const wchar_t* typed = ::el_wgets(editor_, &length);
    ahead_.clear();
    if (interrupted_ || typed == nullptr || length <= 0) {
      fmt::print(stderr, "\n");
      return interrupted_ ? came::interrupted : came::end;
    }
    std::wstring_view line{typed, static_cast<std::size_t>(length)};
    if (line.ends_with(L'\n')) line.remove_suffix(1);
    into = to_utf8(line);
    return came::line;
  }

  void remember(const std::string& message) override {
    HistEventW event;
    if (!message.empty()) ::history_w(history_, &event, H_ENTER, to_wide(message).c_str());
  }

 private:
  static terminal_input& of(EditLine* editor) {
    void* self = nullptr;
    ::el_wget(editor, EL_CLIENTDATA, &self);
    return *static_cast<terminal_input*>(self);
  }
  static wchar_t* prompt_of(EditLine* editor) { return of(editor).prompt_.data(); }
  static int next_of(EditLine* editor, wchar_t* c) { return of(editor).next(*c); }
  static unsigned char paste_of(EditLine* editor, int) { return of(editor).paste(); }

  /// 1 and a byte, 0 at the end, -1 after ^C.
  int next_byte(char& byte) {
    if (!ahead_.empty()) {
      byte = ahead_.front();
      ahead_.erase(0, 1);
      return 1;
    }
    while (true) {
      follow_the_terminal();
      pollfd wait[] = {{interrupts_, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
      auto there = ::poll(wait, 2, typed_ahead_ ? 0 : -1);
      if (there < 0 && errno != EINTR) return 0;
      if (there == 0) typed_ahead_ = false;
      if (there <= 0) continue;
      if (wait[0].revents != 0) {
        [[maybe_unused]] auto taken = ::read(interrupts_, &byte, 1);
        interrupted_ = true;
        return -1;
      }
      auto got = ::read(STDIN_FILENO, &byte, 1);
      if (got < 0 && errno == EINTR) continue;
      if (got == 1 && byte == '\0' && typed_ahead_) byte = end_of_input;
      return got == 1 ? 1 : 0;
    }
  }

  int next(wchar_t& c) {
    std::mbstate_t state{};
    while (true) {
      char byte = 0;
      if (auto got = next_byte(byte); got != 1) return got;
      auto taken = std::mbrtowc(&c, &byte, 1, &state);
      if (taken <= 1) return 1;
      if (taken == static_cast<std::size_t>(-1)) state = {};  // not UTF-8: passed over
    }
  }

  /// After another window size, and after ^Z and `fg`, when the shell has set the terminal as it likes it.
  void follow_the_terminal() {
    if (std::exchange(resized, 0) != 0) ::el_resize(editor_);
    if (std::exchange(continued, 0) == 0) return;
    ::el_wset(editor_, EL_PREP_TERM, 0);
    ::el_wset(editor_, EL_PREP_TERM, 1);
    ::el_wset(editor_, EL_REFRESH);
  }

  /// Everything up to the mark of its end goes into the line, line ends included.
  unsigned char paste() {
    const auto end = to_wide(paste_ends);
    std::wstring pasted;
    for (wchar_t c = 0; !pasted.ends_with(end);) {
      if (next(c) != 1) return CC_EOF;
      if (c == L'\n' && pasted.ends_with(L'\r'))
        pasted.back() = c;
      else if (c != 0)
        pasted += c;
    }
    pasted.resize(pasted.size() - end.size());
    for (auto& c : pasted)
      if (c == L'\r') c = L'\n';
    if (!pasted.empty()) ::el_winsertstr(editor_, pasted.c_str());
    return CC_REFRESH;
  }

  int interrupts_;
  EditLine* editor_ = nullptr;
  HistoryW* history_ = nullptr;
  std::wstring prompt_;
  std::string ahead_;  ///< bytes that are read before the terminal's
  bool interrupted_ = false, marks_pastes_ = false;
  bool typed_ahead_ = false;  ///< what comes was there before the line was edited
};

}  // namespace

std::unique_ptr<input> make_terminal_input(int interrupts) { return std::make_unique<terminal_input>(interrupts); }

}  // namespace chromatin::chat

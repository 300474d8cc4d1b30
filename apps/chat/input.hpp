#pragma once

/// Where chat's lines come from: a terminal, or a pipe.

#include <istream>
#include <memory>
#include <string>

namespace chromatin::chat {

enum class came { line, interrupted, end };

class input {
 public:
  virtual ~input() = default;
  /// The next line, or lines that were pasted, without the end of the last. In a terminal `prefill` stands there to be
  /// edited.
  virtual came line(std::string& into, const std::string& prompt, const std::string& prefill) = 0;
  /// For the arrow keys.
  virtual void remember(const std::string&) {}
};

/// A line of the stream after the other; never interrupted.
std::unique_ptr<input> make_pipe_input(std::istream& from);

/// The terminal that standard input and error output are, edited with libedit. `interrupts` can be read after ^C, and
/// is then read. Sets the process's character type to UTF-8.
std::unique_ptr<input> make_terminal_input(int interrupts);

/// What somebody says: a line and those it goes on in.
came read_message(input& from, std::string& into, const std::string& prefill = {});

}  // namespace chromatin::chat

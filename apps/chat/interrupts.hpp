#pragma once

/// ^C as something that can be waited for, beside a terminal and beside a server.

namespace chromatin::chat {

/// While this lives, SIGINT writes a byte into a pipe and does nothing else. One at a time in a process.
class interrupts {
 public:
  interrupts();
  ~interrupts();
  interrupts(const interrupts&) = delete;
  interrupts& operator=(const interrupts&) = delete;

  /// Can be read when there was one; does not block.
  int fd() const { return read_end_; }

 private:
  int read_end_ = -1;
};

}  // namespace chromatin::chat

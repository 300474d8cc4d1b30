#include "apps/chat/input.hpp"

#include "apps/chat/entry.hpp"

namespace chromatin::chat {
namespace {

class pipe_input final : public input {
 public:
  explicit pipe_input(std::istream& from) : from_{from} {}
  came line(std::string& into, const std::string&, const std::string&) override {
    if (!std::getline(from_, into)) return came::end;
    if (into.ends_with('\r')) into.pop_back();
    return came::line;
  }

 private:
  std::istream& from_;
};

}  // namespace

std::unique_ptr<input> make_pipe_input(std::istream& from) { return std::make_unique<pipe_input>(from); }

came read_message(input& from, std::string& into, const std::string& prefill) {
  into.clear();
  auto what = from.line(into, "> ", prefill);
  if (what != came::line) return what;
  into = with_plain_line_ends(into);
  while (take_continuation(into)) {
    std::string more;
    auto next = from.line(more, "… ", {});
    if (next == came::interrupted) return next;
    if (next == came::end) break;  // what there is of the message counts
    into += '\n' + with_plain_line_ends(more);
  }
  from.remember(into);
  return came::line;
}

}  // namespace chromatin::chat

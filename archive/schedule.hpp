#pragma once

/// A list of archived conversations that will be wanted, and when: for people, and for whatever knows of appointments.
///
///     # time                   tenant   conversation
///     2026-12-01T09:00:00Z     clinic   patient-17
///     2026-12-01T10:30+01:00   clinic   patient-18     # half past nine in UTC
///
/// A recall takes days, so it begins so long before the time that the conversation is back then. Nothing here has a
/// clock: the time is passed in. Only schedule_file reads files; one thread at a time.

#include <compare>
#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "archive/laboratory.hpp"
#include "io/registry_store.hpp"

namespace chromatin::archive {

/// A line of a schedule.
struct wanted_recall {
  lab_time when;               ///< it should be back then
  io::conversation_key which;  ///< need not be known, or archived

  auto operator<=>(const wanted_recall&) const = default;
};
using schedule = std::vector<wanted_recall>;

/// What is wrong with a schedule, in one line.
struct schedule_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline constexpr std::size_t schedule_bytes_max = 1u << 20, schedule_lines_max = 10'000;

/// The lines in their order. Throws schedule_error, which begins with the line's number.
schedule parse_schedule(std::string_view text);

/// What a file says, and whether it could be taken.
struct schedule_view {
  std::shared_ptr<const schedule> lines;  ///< the same pointer as long as they are the same
  std::string trouble;                    ///< why what the file says now was not taken; empty: it was
};

/// A schedule in a file, which may be written anew at any time.
class schedule_file {
 public:
  /// Throws schedule_error, which begins with the file's name.
  explicit schedule_file(std::filesystem::path file);

  /// As the file is now. One that cannot be read changes nothing.
  schedule_view look();

 private:
  std::string read() const;

  std::filesystem::path file_;
  std::string text_;  ///< that `now_` is of
  schedule_view now_;
};

/// What of a schedule is to be done.
class agenda {
 public:
  struct due_recall {
    wanted_recall line;
    bool first = true;  ///< it was not given before
  };

  /// Other lines; what became of those that stay is known still. How many of the new ones are over already.
  std::size_t replace(const schedule& lines, lab_time now);
  /// At most so many of those that must begin by now, since their time is `ahead` or less away, and that have not
  /// begun: which were given least often first, then which are wanted first. One may be given again and again: its
  /// conversation can be on its way into DNA yet.
  std::vector<due_recall> due(lab_time now, std::chrono::seconds ahead, std::size_t count_max);
  /// It is not due any more.
  void begun(const wanted_recall& line);

 private:
  struct progress {
    std::uint32_t given = 0;
    bool begun = false;
  };

  std::map<wanted_recall, progress> lines_;
};

}  // namespace chromatin::archive

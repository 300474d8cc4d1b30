// A schedule of recalls.

#include <algorithm>

#include "archive/schedule.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/support/schedule_line.hpp"

using namespace chromatin;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto all = archive::parse_schedule(fuzz::text_of(data, size));
    fuzz::must(all.size() <= archive::schedule_lines_max);
    std::string again;
    for (const auto& [when, which] : all) {
      fuzz::must(!which.tenant.empty() && !which.id.empty());
      again += test::schedule_line(when, which.tenant, which.id);
    }
    // Years before 0 and after 9999 have no such line: an offset leads there.
    const auto has_line = [](const auto& one) {
      const auto year = std::chrono::year_month_day{std::chrono::floor<std::chrono::days>(one.when)}.year();
      return year >= std::chrono::year{0} && year <= std::chrono::year{9999};
    };
    if (std::ranges::all_of(all, has_line)) fuzz::must(archive::parse_schedule(again) == all);
    archive::agenda due;
    due.replace(all, {});
    for (const auto& one : due.due({}, std::chrono::hours{36}, 100)) due.begun(one.line);
  } catch (const archive::schedule_error& e) {
    fuzz::must(std::string_view{e.what()}.starts_with("line "));
    fuzz::must(std::string_view{e.what()}.find('\n') == std::string_view::npos);
  }
  return 0;
}

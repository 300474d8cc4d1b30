#include <optional>

#include <fmt/core.h>

#include "bench/measure.hpp"
#include "bench/peers/parts.hpp"
#include "io/progress.hpp"

namespace chromatin::bench {

void peers_table::head() {
  fmt::print("\n{:<48} {:>11} {:>11} {:>8} {:>8}\n", "tokens/s, where no other unit is told", "llama.cpp", "chromatin",
             "ratio", "goal");
}

void peers_table::row(const std::string& name, const std::string& figures, double ratio, double goal, bool met) {
  fmt::print("{:<48} {} {:>7.2f}x {:>7.1f}x{}\n", name, figures, ratio, goal, met ? "" : "  missed");
  std::fflush(stdout);
}

void peers_table::at_least(const std::string& name, const std::vector<double>& theirs, const std::vector<double>& ours,
                           double goal) {
  auto ratio = median(ours) / median(theirs);
  row(name, fmt::format("{:>11.1f} {:>11.1f}", median(theirs), median(ours)), ratio, goal, ratio >= goal);
  rows.push_back({{"name", name}, {"theirs", theirs}, {"ours", ours}, {"ratio", ratio}, {"at least", goal}});
}

void peers_table::at_most(const std::string& name, const char* format, double theirs, double ours, double ratio,
                          double goal) {
  auto text = [&](double value) { return fmt::format("{:>11}", fmt::format(fmt::runtime(format), value)); };
  row(name, text(theirs) + " " + text(ours), ratio, goal, ratio <= goal);
  rows.push_back({{"name", name}, {"theirs", theirs}, {"ours", ours}, {"ratio", ratio}, {"at most", goal}});
}

void peers_table::compare(const peers_flags& f, const std::string& name, double goal,
                          const std::function<double()>& theirs, const std::function<double()>& ours, int rounds) {
  std::vector<double> a, b;
  std::optional<io::waiting_line> waiting{std::in_place, name};
  for (int i = 0; i < (rounds > 0 ? rounds : f.rounds); ++i) {
    a.push_back(theirs());
    b.push_back(ours());
  }
  waiting.reset();
  at_least(name, a, b, goal);
}

}  // namespace chromatin::bench

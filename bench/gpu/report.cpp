#include "bench/gpu/report.hpp"

#include <cmath>
#include <cstdio>
#include <fstream>
#include <stdexcept>

#include <fmt/core.h>

#include "bench/measure.hpp"

namespace chromatin::bench {
namespace {

std::string number(double value) {
  if (!std::isfinite(value)) return "-";
  return std::abs(value) >= 100 ? fmt::format("{:.1f}", value) : fmt::format("{:.2f}", value);
}

}  // namespace

report::report(std::string json_file, const std::string& torch_file) : json_file_{std::move(json_file)} {
  if (torch_file.empty()) return;
  try {
    std::ifstream in{torch_file};
    auto peer = nlohmann::json::parse(in);
    torch_ = peer.at("figures").get<std::map<std::string, double>>();
    fact("torch",
         fmt::format("PyTorch {} on {}", peer.at("torch").get<std::string>(), peer.at("device").get<std::string>()));
  } catch (const nlohmann::json::exception& e) {
    throw std::runtime_error(fmt::format("{}: is not what bench/peers/gpu_torch.py writes: {}", torch_file, e.what()));
  }
}

void report::fact(const std::string& key, const std::string& text) {
  json_[key] = text;
  fmt::print("{}\n", text);
  std::fflush(stdout);
}

void report::section(const std::string& title) {
  write();
  fmt::print("\n{}\n", title);
  std::fflush(stdout);
}

std::string report::beside(const figure& f, nlohmann::ordered_json& row) const {
  std::string text;
  auto add = [&](const std::string& more) { text += more.empty() ? "" : (text.empty() ? "" : "; ") + more; };
  auto goal = [&](const char* sign, const char* key, double wanted, bool reached) {
    row[key] = wanted;
    row["reached"] = reached;
    add(fmt::format("goal {} {:g} {}{}", sign, wanted, f.unit, reached ? "" : ": MISSED"));
  };
  if (f.at_least) goal(">=", "at_least", *f.at_least, f.value >= *f.at_least);
  if (f.at_most) goal("<=", "at_most", *f.at_most, f.value <= *f.at_most);
  add(f.beside);
  if (auto peer = torch_.find(f.key); peer != torch_.end()) {
    row["torch"] = peer->second;
    add(fmt::format("PyTorch {} ({:.2f} x)", number(peer->second), f.value / peer->second));
  }
  return text;
}

void report::add(const figure& f) {
  nlohmann::ordered_json row{{"name", f.name}, {"value", f.value}, {"unit", f.unit}};
  if (!f.beside.empty()) row["beside"] = f.beside;
  auto text = beside(f, row);
  json_["figures"][f.key] = row;
  fmt::print("  {:<56} {:>10} {:<8} {}\n", f.name, number(f.value), f.unit, text);
  std::fflush(stdout);
}

void report::note(const std::string& text) {
  json_["notes"].push_back(text);
  fmt::print("  {}\n", text);
  std::fflush(stdout);
}

void report::write() { write_json(json_file_, json_); }

}  // namespace chromatin::bench

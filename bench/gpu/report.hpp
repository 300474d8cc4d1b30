#pragma once

/// Figures as they come: each is printed at once with its goal beside it, and the JSON file is written again after each
/// section, so that a run that is cut tells what it had.

#include <map>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

namespace chromatin::bench {

struct figure {
  std::string key;   ///< in JSON; the same figure of PyTorch's has the same
  std::string name;  ///< for people
  double value = 0;
  std::string unit;
  std::optional<double> at_least, at_most;  ///< the goal
  std::string beside;                       ///< what else there is to know of it
};

class report {
 public:
  /// `json_file` may be empty. `torch_file`: what bench/peers/gpu_torch.py wrote on the same machine, or empty. Throws
  /// std::runtime_error when that cannot be read.
  report(std::string json_file, const std::string& torch_file);

  void fact(const std::string& key, const std::string& text);
  void section(const std::string& title);
  void add(const figure& f);
  /// Why something is not measured, or what a reader must know.
  void note(const std::string& text);
  /// Writes the file; throws when it cannot.
  void write();

  const nlohmann::ordered_json& json() const { return json_; }

 private:
  std::string beside(const figure& f, nlohmann::ordered_json& row) const;

  std::string json_file_;
  std::map<std::string, double> torch_;
  nlohmann::ordered_json json_;
};

}  // namespace chromatin::bench

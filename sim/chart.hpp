#pragma once

/// Lines in a frame, as SVG that needs nothing else: colours and style are in it.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chromatin::sim {

struct chart {
  struct line {
    std::string name;
    std::vector<std::pair<double, double>> points;
  };

  std::string x_name, y_name;
  bool x_is_logarithmic = false;
  std::vector<line> lines = {};

  std::string svg() const;

  static const std::string_view page_style;
};

std::string escape(std::string_view text);

}  // namespace chromatin::sim

#include "apps/output.hpp"

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <fmt/core.h>

namespace chromatin {

void print_json(const nlohmann::ordered_json& value) {
  fmt::print("{}\n", value.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

void check_writable(const std::string& file) {
  if (file.empty()) return;
  if (auto parent = std::filesystem::path{file}.parent_path(); !parent.empty())
    std::filesystem::create_directories(parent);
  bool was_there = std::filesystem::exists(file);
  if (!std::ofstream{file, std::ios::app}) throw std::runtime_error(file + ": cannot be written");
  if (!was_there) std::filesystem::remove(file);
}

void write_file(const std::string& file, const std::string& content) {
  if (file.empty()) return;
  std::ofstream out{file, std::ios::binary};
  if (!(out << content) || !out.flush()) throw std::runtime_error(file + ": cannot be written; is the disk full?");
}

}  // namespace chromatin

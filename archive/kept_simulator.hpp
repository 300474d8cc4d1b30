#pragma once

/// The simulated laboratory of a server: it remembers its orders in a folder, one file each, so that its tubes outlive
/// the process as those of a real one do.

#include <filesystem>

#include "archive/simulator.hpp"

namespace chromatin::archive {

class kept_simulator final : public laboratory {
 public:
  /// Makes the folder if need be. Throws laboratory_error, also for a file that is not one of its orders.
  kept_simulator(std::filesystem::path folder, simulator_options options);

  bool simulated() const override { return true; }
  lab_times usual() const override { return model_.usual(); }
  void order(const synthesis_order& what, lab_time now) override;
  void order(const sequencing_order& what, lab_time now) override;
  lab_answer look(std::string_view name, lab_time now) override { return model_.look(name, now); }
  void read(std::string_view name, lab_time now, const std::function<void(const dna::read&)>& take) override {
    model_.read(name, now, take);
  }

 private:
  void load();
  template <class Order>
  void take(const Order& what, lab_time now);

  std::filesystem::path folder_;
  simulator model_;
};

}  // namespace chromatin::archive

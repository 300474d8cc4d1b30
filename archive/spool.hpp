#pragma once

/// A laboratory of people, or of their own system: a folder with a folder for each order.
///
///   NAME/README             what to do next
///   NAME/order.txt          what was ordered, with a checksum
///   NAME/strands.csv .fa    synthesis: what to order
///   NAME/primers.csv .fa    sequencing: what to order
///   NAME/reads/             sequencing: where files of reads go
///   NAME/done               made by people: it is done, all files are there
///   NAME/refused            made by people instead: why it will not be done
///
/// An order's folder is made under a name that begins with a dot, and renamed when all of it is on the disk: nobody
/// sees half an order, and one that a crash left behind is made again. Reads are not looked at before `done` is there.

#include <filesystem>

#include "archive/laboratory.hpp"

namespace chromatin::archive {

class spool final : public laboratory {
 public:
  /// Makes the folder if need be. Throws laboratory_error.
  explicit spool(std::filesystem::path folder);

  bool simulated() const override { return false; }
  lab_times usual() const override { return {}; }
  void order(const synthesis_order& what, lab_time now) override;
  void order(const sequencing_order& what, lab_time now) override;
  lab_answer look(std::string_view name, lab_time now) override;
  /// Files in the order of their names; those that begin with a dot are left out.
  void read(std::string_view name, lab_time now, const std::function<void(const dna::read&)>& take) override;

 private:
  template <class Order>
  void place(const Order& what);

  std::filesystem::path folder_;
};

}  // namespace chromatin::archive

#pragma once

/// What an archive asks of a laboratory: strands, and reads. Behind it stands a simulator (archive/simulator.hpp), or
/// people with a folder (archive/spool.hpp). An order is known by the name that whoever gives it chose: after a crash
/// it is given again, and a laboratory that has it already does nothing. Nothing here has a clock: the time is passed
/// in. One thread at a time; everything may block.

#include <chrono>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "dna/partition/order.hpp"
#include "dna/reads/reads.hpp"
#include "dna/wetlab/pcr.hpp"

namespace chromatin::archive {

/// Seconds since 1970, of the world or of a virtual clock.
using lab_time = std::chrono::sys_seconds;

/// An order that cannot be given or looked at, in one line with the way out.
struct laboratory_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Strands to be synthesised and poured into a tube, at the concentration of what is in it already.
struct synthesis_order {
  std::string name;
  std::string tube;  ///< which partition's
  std::vector<dna::ordered_oligo> strands;
};

/// A PCR on a tube's content, and so many reads of its product.
struct sequencing_order {
  std::string name;
  std::string tube;
  std::vector<dna::wetlab::pcr_step> steps;  ///< at least one (dna/wetlab/retrieval.hpp plans them)
  std::uint64_t reads = 0;
};

enum class lab_progress : std::uint8_t {
  unknown,    ///< no such order was given
  under_way,  ///< strands or reads are not there yet
  done,       ///< strands are in their tube, or all reads can be had
  refused,    ///< it will not be done
};

struct lab_answer {
  lab_progress progress = lab_progress::unknown;
  std::optional<lab_time> expected;  ///< when it will be done, where the laboratory says so
  std::string note;                  ///< what somebody has to do, or why it was refused; may be empty
};

/// How long orders usually take; nothing where nobody knows.
struct lab_times {
  std::optional<std::chrono::seconds> synthesis, sequencing;
};

class laboratory {
 public:
  virtual ~laboratory() = default;

  /// Whether results come from a model and not from molecules. Whoever shows them says so.
  virtual bool simulated() const = 0;
  virtual lab_times usual() const = 0;

  /// Gives an order. It is durable when this returns, where the laboratory is. An order of the same name that says the
  /// same changes nothing. Throws laboratory_error for one that says something else, and for a name that is_order_name
  /// does not take.
  virtual void order(const synthesis_order& what, lab_time now) = 0;
  virtual void order(const sequencing_order& what, lab_time now) = 0;

  virtual lab_answer look(std::string_view name, lab_time now) = 0;

  /// Gives all reads of a sequencing order that is done to `take`, the same ones each time. Throws laboratory_error for
  /// any other order, dna::reads_error for a file that is damaged.
  virtual void read(std::string_view name, lab_time now, const std::function<void(const dna::read&)>& take) = 0;
};

/// 1 to 100 of a-z, 0-9, and inside of it dots, dashes and underlines: can be a folder's name wherever there are
/// folders.
bool is_order_name(std::string_view name);

/// Throws laboratory_error unless the order can be given.
void check_order(const synthesis_order& what);
void check_order(const sequencing_order& what);

/// Everything that an order says, as text: two orders are the same if this is.
std::string description_of(const synthesis_order& what);
std::string description_of(const sequencing_order& what);

}  // namespace chromatin::archive

#include "dna/reads/align.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <edlib.h>

#include "dna/geometry/sequence.hpp"

namespace chromatin::dna {

namespace {

/// Bases of adapter or of a ragged end that may stand outside a primer.
constexpr std::size_t overhang_nt = 20;

struct hit {
  std::size_t begin, end;  // half-open
  int edits;
};

/// The best place of `primer` in `window`, the first of several that are equally good.
std::optional<hit> find_primer(std::string_view primer, std::string_view window) {
  if (const auto exact = window.find(primer); exact != window.npos) return hit{exact, exact + primer.size(), 0};
  if (window.empty()) return {};
  const auto allowed = static_cast<int>(primer.size() / 4);
  const auto config = edlibNewAlignConfig(allowed, EDLIB_MODE_HW, EDLIB_TASK_LOC, nullptr, 0);
  auto result = edlibAlign(primer.data(), static_cast<int>(primer.size()), window.data(),
                           static_cast<int>(window.size()), config);
  std::optional<hit> found;
  if (result.status == EDLIB_STATUS_OK && result.editDistance >= 0)
    found = hit{static_cast<std::size_t>(result.startLocations[0]),
                static_cast<std::size_t>(result.endLocations[0]) + 1, result.editDistance};
  edlibFreeAlignResult(result);
  return found;
}

/// A lost primer weighs more than any that is found.
constexpr int lost = 1000;

}  // namespace

struct primer_locator::span {
  std::size_t begin, end;
  int edits;   // lost for each primer that is
  bool whole;  // both are there
};

primer_locator::primer_locator(std::string head, std::string tail)
    : head_{std::move(head)},
      tail_{std::move(tail)},
      turned_tail_{reverse_complement(tail_)},
      turned_head_{reverse_complement(head_)} {
  if (head_.empty() || tail_.empty()) throw std::invalid_argument{"primer_locator: a primer is empty"};
}

primer_locator::span primer_locator::find(std::string_view read) const {
  auto head = find_primer(head_, read.substr(0, head_.size() + overhang_nt));
  const auto reach = std::min(tail_.size() + overhang_nt, read.size());
  const auto from = std::max(head ? head->end : 0, read.size() - reach);
  auto tail = find_primer(tail_, read.substr(from));
  if (!tail && head && head->edits > static_cast<int>(head_.size() / 8)) head.reset();
  if (!head && tail && tail->edits > static_cast<int>(tail_.size() / 8)) tail.reset();
  return {head ? head->end : 0, tail ? from + tail->begin : read.size(),
          (head ? head->edits : lost) + (tail ? tail->edits : lost), head && tail};
}

std::optional<trimmed_read> primer_locator::locate_exact(std::string_view read) const {
  const auto primers = head_.size() + tail_.size();
  if (read.size() < primers) return {};
  if (read.starts_with(head_) && read.ends_with(tail_))
    return trimmed_read{std::string{read.substr(head_.size(), read.size() - primers)}, false, 0, true};
  if (read.starts_with(turned_tail_) && read.ends_with(turned_head_))
    return trimmed_read{reverse_complement(read.substr(tail_.size(), read.size() - primers)), true, 0, true};
  return {};
}

std::optional<trimmed_read> primer_locator::locate(std::string_view read) const {
  if (auto exact = locate_exact(read)) return exact;
  const auto cut = [](std::string_view whole, const span& at, bool reversed) {
    return trimmed_read{std::string{whole.substr(at.begin, at.end - at.begin)}, reversed, at.edits % lost, at.whole};
  };
  const auto forward = find(read);
  if (forward.edits == 0) return cut(read, forward, false);
  const auto turned = reverse_complement(read);
  const auto backward = find(turned);
  if (forward.edits == backward.edits || std::min(forward.edits, backward.edits) >= 2 * lost) return {};
  return forward.edits < backward.edits ? cut(read, forward, false) : cut(turned, backward, true);
}

}  // namespace chromatin::dna

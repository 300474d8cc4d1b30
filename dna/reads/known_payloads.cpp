#include "dna/reads/known_payloads.hpp"

#include <algorithm>

#include "dna/geometry/sequence.hpp"

namespace chromatin::dna {
namespace {

constexpr std::uint32_t run_nt = 13;

/// Calls use(number) for every run of run_nt bases without N.
template <class Use>
void for_each_run(std::string_view bases, Use use) {
  constexpr std::uint64_t mask = (std::uint64_t{1} << 2 * run_nt) - 1;
  std::uint64_t number = 0;
  std::uint32_t length = 0;
  for (const char base : bases) {
    const int index = base_index(base);
    length = index < 0 ? 0 : length + 1;
    number = (number << 2 | static_cast<std::uint64_t>(std::max(index, 0))) & mask;
    if (length >= run_nt) use(number);
  }
}

}  // namespace

known_payloads::known_payloads(const block_codec& codec, std::span<const block> decoded)
    : runs_(std::size_t{1} << 2 * run_nt) {
  const auto& g = codec.geometry();
  const auto payload_at = g.primer_nt + g.index_nt();
  std::size_t known = 0;
  for (const auto& one : decoded)
    for (const auto& strand : codec.encode(one))
      for_each_run(std::string_view{strand}.substr(payload_at, g.payload_nt), [&](std::uint64_t run) {
        known += !runs_[run];
        runs_[run] = true;
      });
  share_ = static_cast<double>(known) / static_cast<double>(runs_.size());
}

bool known_payloads::explain(std::string_view payload) const {
  std::size_t all = 0, found = 0;
  for_each_run(payload, [&](std::uint64_t run) {
    ++all;
    found += runs_[run];
  });
  constexpr double enough = 0.15;
  return static_cast<double>(found) > (enough + 2 * share_) * static_cast<double>(all);
}

}  // namespace chromatin::dna
